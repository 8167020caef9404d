package model

import (
	"maps"
	"slices"
	"testing"

	"uer/internal/config"
	"uer/internal/encoder"
	"uer/internal/registry"
	"uer/internal/target"
	"uer/internal/task"
)

// precisions are the precisions that whole models are tested in; bf16x3 and bf16x6 run through the code of bf16.
var precisions = []string{"fp32", "bf16"}

// inPlainGo reports whether a set has products in a precision in plain Go only, which takes long.
func inPlainGo(set, precision string) bool {
	return precision != "fp32" && (set == "portable" || set == "baseline")
}

// middling holds models large enough for their work to be divided between threads: every encoder and every target.
func middling() map[string]config.Model {
	models := map[string]config.Model{
		"roberta":       tiny("word_pos_seg", "transformer", "mlm"),
		"bert":          tiny("word_pos_seg", "bert", "bert"),
		"albert":        tiny("word_pos_seg", "transformer", "albert"),
		"gpt":           tiny("word_pos", "transformer causal", "lm"),
		"gpt2":          tiny("word_pos", "transformer causal", "lm"),
		"prefixlm":      tiny("word_pos_seg", "transformer causal_with_prefix", "prefixlm"),
		"seq2seq":       tiny("word_sinusoidalpos", "transformer", "seq2seq"),
		"t5":            tiny("word", "transformer", "t5"),
		"cls":           tiny("word_pos_seg", "transformer", "cls"),
		"bidirectional": tiny("word", "lstm bidirectional", "mlm"),
	}
	suited := map[task.Context]string{task.Past: "lm", task.Full: "mlm", task.PastAndFutureSplit: "bilm"}
	for name, e := range encoder.ByName {
		if !e.Reads("mask") {
			models[name] = tiny("word", name, suited[e.Context(config.Model{})])
		}
	}
	for name, m := range models {
		m.EmbeddingSize, m.HiddenSize, m.FeedForwardSize = 32, 32, 80
		m.ParameterSharing = name == "albert"
		m.RelativePositionEmbedding = name == "t5"
		if name == "gpt2" {
			m.TieWeights, m.LayerNormPositioning = true, "pre"
		}
		if name == "cls" {
			m.Pooling = "mean"
		}
		models[name] = m
	}
	return models
}

// testedModels returns the models in middling; in short mode, one for each kind of encoder and one with a decoder.
func testedModels() map[string]config.Model {
	models := middling()
	if testing.Short() {
		few := []string{"roberta", "t5", "elmo", "gatedcnn"}
		maps.DeleteFunc(models, func(name string, _ config.Model) bool { return !slices.Contains(few, name) })
	}
	return models
}

func TestMiddlingHasAllParts(t *testing.T) {
	encoders, targets := maps.Clone(encoder.ByName), maps.Clone(target.ByName)
	for _, m := range middling() {
		delete(encoders, m.Encoder)
		delete(targets, m.Target)
	}
	if len(encoders)+len(targets) > 0 {
		t.Errorf("there is no model with the encoders %v and the targets %v", registry.Names(encoders), registry.Names(targets))
	}
}

// TestThreads checks that two training steps with dropout have the same bits when repeated with another number of threads, with
// each instruction set, in both precisions.
func TestThreads(t *testing.T) {
	text := openDemo(t)
	for name, m := range testedModels() {
		for _, set := range testedSets() {
			for _, precision := range precisions {
				if inPlainGo(set, precision) {
					continue
				}
				t.Run(name+"/"+set+"/"+precision, func(t *testing.T) {
					text.precision = precision
					text.compareThreads(t, set, m)
				})
			}
		}
	}
}

func (d *demo) compareThreads(t *testing.T, set string, m config.Model) {
	t.Helper()
	counts := []int{1, 2, 5}
	if testing.Short() {
		counts = []int{1, 5}
	}
	var want []float32
	for _, threads := range counts {
		on := processor{set: set, threads: threads}
		on.need(t, d.precision)
		got := d.twoSteps(t, on, m)
		if want == nil {
			want = got
		}
		if !slices.Equal(got, want) {
			t.Errorf("%d threads give other numbers than the first run with 1", threads)
		}
	}
}

// twoSteps returns the losses of two steps, the gradients of the second and the final parameters.
func (d *demo) twoSteps(t *testing.T, on processor, m config.Model) []float32 {
	t.Helper()
	r, losses := d.trainSteps(t, on, m, 2)
	return slices.Concat(losses, r.gradients(t), r.parameters(t))
}

// trainSteps trains a model and returns it with the loss of each step.
func (d *demo) trainSteps(t *testing.T, on processor, m config.Model, steps int) (*training, []float32) {
	t.Helper()
	const size = 8
	loader := d.loader(t, m, size)
	defer loader.Close()
	r := d.newTraining(t, on, m, Limits{Sequences: size, Length: demoLength, Output: loader.OutputLength})
	var losses []float32
	for range steps {
		b, err := loader.Next()
		if err != nil {
			t.Fatal(err)
		}
		r.inputs = b.Inputs(r.inputs)
		losses = append(losses, float32(r.train(t)))
	}
	return r, losses
}

// fed returns a training whose first batch has been fed.
func (d *demo) fed(t testing.TB, on processor, m config.Model, size int) *training {
	t.Helper()
	loader := d.loader(t, m, size)
	r := d.newTraining(t, on, m, Limits{Sequences: size, Length: demoLength, Output: loader.OutputLength})
	b, err := loader.Next()
	if err != nil {
		t.Fatal(err)
	}
	if len(b.Lengths) != size {
		t.Fatalf("a batch of %d sequences, want %d", len(b.Lengths), size)
	}
	r.inputs = b.Inputs(nil)
	return r
}

// TestAllocations checks that the memory allocated by a step does not grow with the batch, in either precision.
func TestAllocations(t *testing.T) {
	text := openDemo(t)
	on := processor{threads: 2}
	for name, m := range testedModels() {
		for _, precision := range precisions {
			if testing.Short() && precision != "fp32" {
				continue
			}
			t.Run(name+"/"+precision, func(t *testing.T) {
				on.need(t, precision)
				text.precision = precision
				text.compareAllocations(t, on, m)
			})
		}
	}
}

func (d *demo) compareAllocations(t *testing.T, on processor, m config.Model) {
	t.Helper()
	runs := 5
	if testing.Short() {
		runs = 2
	}
	var counts []float64
	for _, size := range []int{3, 12} {
		r := d.fed(t, on, m, size)
		r.train(t) // scratch memory grows in the first steps
		counts = append(counts, testing.AllocsPerRun(runs, func() { r.train(t) }))
	}
	// The runtime may allocate a little at any time, and the portable norms allocate a row for some of their tiles.
	if counts[1] > 1.1*counts[0] {
		t.Errorf("%v allocations a step with 3 sequences, %v with 12", counts[0], counts[1])
	}
	t.Logf("%v allocations a step", counts)
}
