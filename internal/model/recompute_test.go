package model

import (
	"slices"
	"testing"

	"uer/internal/config"
	"uer/internal/kernel"
)

// TestRecompute trains every encoder and every target with activations that are computed again: losses, gradients and
// parameters have the same bits, in both precisions, and the activations take less memory.
func TestRecompute(t *testing.T) {
	text := openDemo(t)
	models := testedModels()
	gated := models["roberta"]
	gated.LayerNorm, gated.FeedForward, gated.RemoveTransformerBias = "t5", "gated", true
	models["gated"] = gated
	onEverySet(t, func(t *testing.T) {
		cpu := newCPU(t, 2)
		for name, m := range models {
			m.LayersNumber = 4
			for _, precision := range []kernel.Precision{kernel.Float32, kernel.BFloat16} {
				if precision == kernel.Float32 || cpu.SupportsBF16() && !testing.Short() {
					text.precision = precision
					t.Run(name, func(t *testing.T) { text.compareRecomputed(t, cpu, m) })
				}
			}
		}
	})
}

func (d *demo) compareRecomputed(t *testing.T, cpu *kernel.CPU, m config.Model) {
	t.Helper()
	want := d.twoSteps(t, cpu, m)
	kept := d.arena(t, m)
	m.Recompute = true
	if !slices.Equal(d.twoSteps(t, cpu, m), want) {
		t.Error("the numbers differ from those of activations that are kept")
	}
	if size := d.arena(t, m); size > kept*9/10 { // transformers: 0.4
		t.Errorf("activations take %d elements, %d if they are kept", size, kept)
	}
}

// arena is the memory of the activations of a batch of usual size.
func (d *demo) arena(t *testing.T, m config.Model) int {
	t.Helper()
	made, err := New(m, d.vocabulary.Size(), Shape{Sequences: 8, Length: 64, Output: 64})
	if err != nil {
		t.Fatal(err)
	}
	return made.Program.ArenaSize
}
