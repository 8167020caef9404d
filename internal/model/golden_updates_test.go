package model

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"uer/internal/npz"
	"uer/internal/optimizer"
)

// goldenRun describes how the reference made three updates.
type goldenRun struct {
	optimizer, scheduler string
	weightDecay          float64
}

// goldenRuns holds the runs by the names of their files.
var goldenRuns = map[string]goldenRun{
	"const": {"adamw", "constant", 0}, "const_wd": {"adamw", "constant", 0.01}, "linear20": {"adamw", "linear", 0},
	"adafactor": {"adafactor", "constant", 0.01},
}

// TestGoldenUpdates compares the parameters after three updates; in short mode, those of two models. The tolerance, 0.02
// of the learning rate, is four times the difference between the reference's own float32 and float64 runs.
func TestGoldenUpdates(t *testing.T) {
	onEverySet(t, func(t *testing.T) {
		for name := range goldenModels {
			if testing.Short() && name != "bert" && name != "lstm_lm" {
				continue
			}
			for run := range goldenRuns {
				file := filepath.Join("testdata", name, "after3_"+run+".npz")
				if _, err := os.Stat(file); err == nil {
					t.Run(name+"/"+run, func(t *testing.T) { openGolden(t, name).compareUpdates(t, run, npz.Read(t, file)) })
				}
			}
		}
	})
}

func (g *golden) compareUpdates(t *testing.T, name string, want map[string]npz.Array) {
	run, rate := goldenRuns[name], g.expected.LearningRate
	schedule, err := optimizer.NewSchedule(run.scheduler, optimizer.Plan{Updates: 20, Warmup: 0.1, LearningRate: rate})
	if err != nil {
		t.Fatal(err)
	}
	o, err := optimizer.New(optimizer.Settings{
		Name: run.optimizer, LearningRate: rate, WeightDecay: run.weightDecay, Schedule: schedule,
	}, g.model.Program.Layout)
	if err != nil {
		t.Fatal(err)
	}
	l := g.on.load(t, "fp32", g.model.Program, o.Program.Layout, g.initial(t))
	r := training{loaded: l, model: g.model, optimizer: o}
	if r.update, err = l.device.Load(o.Program, l.memory); err != nil {
		t.Fatal(err)
	}
	for step := range g.batches {
		g.feed(l, step)
		loss := r.train(t)
		if steps := g.expected.After3[name]; len(steps) > 0 && math.Abs(loss-steps[step].TotalLoss) > 2e-6*loss {
			t.Errorf("loss at step %d is %v, want %v", step, loss, steps[step].TotalLoss)
		}
	}
	parameters := l.parameters(t)
	for _, p := range g.model.Program.Parameters {
		// The gradient of a key's bias is only rounding errors, which Adafactor scales up to full steps.
		isNoise := run.optimizer == "adafactor" && strings.HasSuffix(p.Name, "_attn.linear_layers.1.bias")
		if p.Frozen || isNoise {
			continue
		}
		compare(t, p.Name, parameters[p.Offset:][:p.Shape.Elements()], want[p.Name].Data, 0.02*rate)
	}
}
