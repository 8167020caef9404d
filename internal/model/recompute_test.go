package model

import (
	"os"
	"slices"
	"testing"

	"uer/internal/config"
)

// TestRecompute trains every encoder and every target with recomputed activations. Losses, gradients and parameters must
// have the same bits, in both precisions, and the activations must take less memory.
func TestRecompute(t *testing.T) {
	text := openDemo(t)
	models := testedModels()
	gated := models["roberta"]
	gated.LayerNorm, gated.FeedForward, gated.RemoveTransformerBias = "t5", "gated", true
	models["gated"] = gated
	onEverySet(t, func(t *testing.T) {
		on := processor{threads: 2}
		for name, m := range models {
			m.LayersNumber = 4
			for _, precision := range precisions {
				if testing.Short() && precision != "fp32" || inPlainGo(os.Getenv("UER_CPU"), precision) {
					continue
				}
				t.Run(name+"/"+precision, func(t *testing.T) {
					on.need(t, precision)
					text.precision = precision
					text.compareRecomputed(t, on, m)
				})
			}
		}
	})
}

func (d *demo) compareRecomputed(t *testing.T, on processor, m config.Model) {
	t.Helper()
	want := d.twoSteps(t, on, m)
	kept := d.activations(t, on, m)
	m.Recompute = true
	if !slices.Equal(d.twoSteps(t, on, m), want) {
		t.Error("the numbers differ from those of activations that are kept")
	}
	if size := d.activations(t, on, m); size > kept*9/10 { // transformers: 0.4
		t.Errorf("activations take %d bytes, %d if they are kept", size, kept)
	}
}

// activations returns the memory of the activations of a batch of ordinary size.
func (d *demo) activations(t *testing.T, on processor, m config.Model) int64 {
	t.Helper()
	made, err := New(m, d.vocabulary.Size(), Limits{Sequences: 8, Length: 64, Output: 64})
	if err != nil {
		t.Fatal(err)
	}
	parameters := make([]float32, made.Program.ParameterSize)
	return on.load(t, "fp32", made.Program, made.Program.Layout, parameters).pass.Usage().Activations
}
