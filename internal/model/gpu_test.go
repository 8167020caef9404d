package model

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"uer/internal/npz"
	"uer/internal/registry"
)

// openGPU opens a golden model for the first GPU, or skips the test and says why there is none.
func openGPU(t *testing.T, name string) *golden {
	t.Helper()
	g := openGolden(t, name)
	g.on = processor{gpu: true}
	g.on.need(t, "fp32")
	return g
}

// TestGPUGradients compares losses and gradients that a GPU computes with those of UER-py, within the tolerances of the
// CPU.
func TestGPUGradients(t *testing.T) {
	for _, name := range registry.Names(goldenModels) {
		t.Run(name, func(t *testing.T) { openGPU(t, name).compareGradients(t) })
	}
}

// TestGPUUpdates compares the parameters after three updates on a GPU with those of UER-py.
func TestGPUUpdates(t *testing.T) {
	if testing.Short() {
		t.Skip("slow")
	}
	for _, name := range registry.Names(goldenModels) {
		for _, run := range registry.Names(goldenRuns) {
			file := filepath.Join("testdata", name, "after3_"+run+".npz")
			if _, err := os.Stat(file); err == nil {
				t.Run(name+"/"+run, func(t *testing.T) { openGPU(t, name).compareUpdates(t, run, npz.Read(t, file)) })
			}
		}
	}
}

// TestGPUBFloat16 compares a step in bfloat16 with one in float32, within the bounds that hold on the CPU, which rounds the
// factors of products only.
func TestGPUBFloat16(t *testing.T) {
	for _, name := range registry.Names(goldenModels) {
		t.Run(name, func(t *testing.T) { openGPU(t, name).compareRounded(t, "bf16", 1e-3, 1e-3) })
	}
}

// TestGPUBFloat16Tracks trains a RoBERTa and a GPT-2 in bfloat16 and, on the CPU, in float32, with dropout, and compares means
// of losses. Biased rounding would add up; TestBFloat16Tracks tells how much.
func TestGPUBFloat16Tracks(t *testing.T) {
	const steps, window, tolerance = 20, 10, 3e-4
	if testing.Short() {
		t.Skip("compares means over 20 steps")
	}
	gpu := processor{gpu: true}
	gpu.need(t, "bf16")
	exact, rounded := openDemo(t), openDemo(t)
	exact.rate, rounded.rate = 0.001, 0.001
	rounded.precision = "bf16"
	for _, name := range []string{"roberta", "gpt2"} {
		m := middling()[name]
		_, want := exact.trainSteps(t, processor{threads: 2}, m, steps)
		_, got := rounded.trainSteps(t, gpu, m, steps)
		for from := 0; from < steps; from += window {
			w, g := mean(want[from:from+window]), mean(got[from:from+window])
			if !(math.Abs(g-w) <= tolerance*w) {
				t.Errorf("%s: mean loss %.5f after step %d in bfloat16, %.5f in float32", name, g, from, w)
			}
		}
	}
}

// TestGPUSteps trains every encoder and every target with dropout for two steps, twice: losses follow those of the CPU in
// float32, and a second run on the GPU, in which activations are recomputed, gives the same bits.
func TestGPUSteps(t *testing.T) {
	for precision, tolerance := range map[string]float32{"fp32": 2e-5, "bf16": 1e-3} {
		t.Run(precision, func(t *testing.T) { testGPUSteps(t, precision, tolerance) })
	}
}

func testGPUSteps(t *testing.T, precision string, tolerance float32) {
	exact, text := openDemo(t), openDemo(t)
	text.precision = precision
	if precision == "bf16" { // a small rate, so that training does not amplify differences
		exact.rate, text.rate = 0.001, 0.001
	}
	gpu := processor{gpu: true}
	gpu.need(t, precision)
	models := testedModels()
	for _, name := range registry.Names(models) {
		t.Run(name, func(t *testing.T) {
			m := models[name]
			m.LayersNumber = max(m.LayersNumber, 2)
			_, want := exact.trainSteps(t, processor{threads: 2}, m, 2)
			r, got := text.trainSteps(t, gpu, m, 2)
			for step := range want {
				if difference := got[step] - want[step]; max(difference, -difference) > tolerance*want[step] {
					t.Errorf("step %d: loss %v, on the CPU %v", step, got[step], want[step])
				}
			}
			first := slices.Concat(got, r.gradients(t), r.parameters(t))
			m.Recompute = true
			if !slices.Equal(text.twoSteps(t, gpu, m), first) {
				t.Error("a second run, with recomputed activations, gives other numbers")
			}
		})
	}
}
