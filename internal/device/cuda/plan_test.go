package cuda

import (
	"testing"

	"uer/internal/config"
	driver "uer/internal/cuda"
	"uer/internal/device"
	"uer/internal/graph"
	"uer/internal/model"
	"uer/internal/optimizer"
)

// planned is the memory that a program would take, of which none is allocated.
func (d *Device) planned(t *testing.T, p *graph.Program, layout graph.Layout) int64 {
	t.Helper()
	somewhere := &driver.Buffer{At: 1 << 40}
	m := &memory{
		device: d, layout: layout, parameters: &driver.Buffer{At: somewhere.At, Bytes: 1 << 40}, gradients: somewhere,
		state: somewhere, halves: somewhere, packs: map[int]*packed{},
	}
	e := &executable{device: d, program: p, values: somewhere, memory: m}
	if err := e.join(); err != nil {
		t.Fatal(err)
	}
	e.shapes = device.NewShapes(p, bindings.SavedSize(&binder{device: d}))
	e.inputs.plan(p)
	origin := make([]int, len(p.Instructions))
	if err := e.bind(origin); err != nil {
		t.Fatal(err)
	}
	e.planArena()
	e.at, e.integers = make([]driver.Pointer, len(p.Values)), make([][]int32, len(p.Values))
	for v := range e.at {
		e.at[v] = somewhere.At
	}
	scratch, partials, err := e.planScratch()
	if err != nil {
		t.Fatal(err)
	}
	kept := int64(4*(2*layout.ParameterSize+layout.StateSize)+2*layout.ParameterSize) + e.memory.copiesBytes()
	t.Logf("%.2f GB are kept, %.2f GB are activations, %.2f GB are scratch", float64(kept)/1e9, float64(e.arena.Size)/1e9, float64(scratch)/1e9)
	return kept + int64(e.arena.Size) + int64(8*e.inputs.size) + scratch + partials + 64<<20 // with the workspace of products
}

// TestMemoryOfLargeBatches bounds the memory of RoBERTa base on batches of 256 x 512 tokens without padding.
func TestMemoryOfLargeBatches(t *testing.T) {
	d := openIn(t, "bf16")
	for _, test := range []struct {
		recompute bool
		most      int64
	}{{false, 60e9}, {true, 25e9}} {
		m := config.Model{
			EmbeddingSize: 768, HiddenSize: 768, FeedForwardSize: 3072, HeadsNumber: 12, LayersNumber: 12, MaxSequenceLength: 512,
			HiddenActivation: "gelu", Dropout: 0.1, Embedding: "word_pos_seg", Encoder: "transformer", Mask: "fully_visible", Target: "mlm",
			LayerNormPositioning: "post", FeedForward: "dense", LayerNorm: "normal", Recompute: test.recompute,
		}
		made, err := model.New(m, 21128, model.Limits{Sequences: 256, Length: 512, Activations: d.Activations()})
		if err != nil {
			t.Fatal(err)
		}
		o, err := optimizer.New(optimizer.Settings{Name: "adamw"}, made.Program.Layout)
		if err != nil {
			t.Fatal(err)
		}
		if got := d.planned(t, made.Program, o.Program.Layout); got > test.most {
			t.Errorf("with recompute %v it takes %d bytes, more than %d", test.recompute, got, test.most)
		}
	}
}
