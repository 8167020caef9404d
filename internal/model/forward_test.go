package model

import (
	"math"
	"slices"
	"testing"

	"uer/internal/device"
	"uer/internal/graph"
	"uer/internal/registry"
)

// evaluation is a golden model with the program of its evaluation on the memory of its training.
type evaluation struct {
	*golden
	pass    *loaded // the forward and backward pass
	alone   *Model
	program device.Executable
}

func (g *golden) forward(t *testing.T, name string, logits bool) evaluation {
	t.Helper()
	limits := Limits{Sequences: goldenBatch, Length: goldenLength, Output: goldenLength}
	alone, err := NewForward(goldenModels[name], goldenVocabulary, limits, logits)
	if err != nil {
		t.Fatal(err)
	}
	layout := g.model.Program.Layout
	layout.State, layout.StateSize = alone.Program.State, alone.Program.StateSize
	f := evaluation{golden: g, pass: g.on.load(t, "fp32", g.model.Program, layout, g.initial(t)), alone: alone}
	if f.program, err = f.pass.device.Load(alone.Program, f.pass.memory); err != nil {
		t.Fatal(err)
	}
	return f
}

// evaluate runs the forward program on a batch.
func (f evaluation) evaluate(t *testing.T, batch int) []float64 {
	t.Helper()
	f.feed(f.pass, batch)
	if err := f.program.Feed(f.pass.inputs); err != nil {
		t.Fatal(err)
	}
	if err := f.program.Run(device.Run{}); err != nil {
		t.Fatal(err)
	}
	return slices.Clone(figures(t, f.program))
}

// compareForward compares the losses of an evaluation with those of UER-py, and all its outputs with those of a training
// step, which it must not change. The golden models have no dropout.
func (f evaluation) compareForward(t *testing.T) {
	f.run(t, f.pass, 0)
	want, gradients := slices.Clone(f.pass.outputs), f.pass.gradients(t)
	got := f.evaluate(t, 0)
	if golden := f.expected.Batch0TotalLoss; math.Abs(got[0]-golden) > 1e-6*golden {
		t.Errorf("loss %v, want %v", got[0], golden)
	}
	if !slices.Equal(got, want) {
		t.Errorf("outputs %v, in a training step %v", got, want)
	}
	f.evaluate(t, 1)
	if !slices.Equal(f.pass.gradients(t), gradients) {
		t.Error("an evaluation changed the gradients")
	}
	if !slices.Equal(f.pass.parameters(t), f.initial(t)) {
		t.Error("an evaluation changed the parameters")
	}
	if f.run(t, f.pass, 0); !slices.Equal(f.pass.outputs, want) {
		t.Errorf("after an evaluation, the training step has outputs %v, not %v", f.pass.outputs, want)
	}
}

func TestForwardIsTheLossOfTraining(t *testing.T) {
	onEverySet(t, func(t *testing.T) {
		for _, name := range registry.Names(goldenModels) {
			t.Run(name, func(t *testing.T) { openGolden(t, name).forward(t, name, false).compareForward(t) })
		}
	})
}

func TestGPUForwardIsTheLossOfTraining(t *testing.T) {
	for _, name := range registry.Names(goldenModels) {
		t.Run(name, func(t *testing.T) { openGPU(t, name).forward(t, name, false).compareForward(t) })
	}
}

// compareLogits computes losses and correct predictions from the logits.
func (f evaluation) compareLogits(t *testing.T) {
	outputs := f.evaluate(t, 0)
	for _, head := range f.alone.Heads {
		labels := f.pass.inputs.Find(head.Labels)
		logits := make([]float32, len(labels)*head.Classes)
		if err := f.pass.memory.Read(graph.InState, head.Logits.Offset, logits); err != nil {
			t.Fatal(err)
		}
		loss, correct := 0.0, 0.0
		for i, label := range labels {
			row, sum := logits[i*head.Classes:][:head.Classes], 0.0
			for _, v := range row {
				sum += math.Exp(float64(v))
			}
			loss += (math.Log(sum) - float64(row[label])) / float64(len(labels))
			if slices.Index(row, slices.Max(row)) == int(label) {
				correct++
			}
		}
		if got := outputs[head.Loss]; math.Abs(got-loss) > 1e-6*loss || outputs[head.Correct] != correct {
			t.Errorf("%s: loss %v, %v correct; the logits give %v, %v", head.Name, got, outputs[head.Correct], loss, correct)
		}
	}
}

func TestLogits(t *testing.T) {
	for _, name := range registry.Names(goldenModels) {
		t.Run(name, func(t *testing.T) { openGolden(t, name).forward(t, name, true).compareLogits(t) })
	}
}

func TestGPULogits(t *testing.T) {
	for _, name := range registry.Names(goldenModels) {
		t.Run(name, func(t *testing.T) { openGPU(t, name).forward(t, name, true).compareLogits(t) })
	}
}
