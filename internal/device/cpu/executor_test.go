package cpu

import (
	"testing"

	"uer/internal/graph"
	"uer/internal/kernel"
	"uer/internal/op"
)

// TestTouched runs a program, planned for 64 tokens, with some of them.
func TestTouched(t *testing.T) {
	const tokens, width, classes = 64, 16, 7
	b := graph.NewBuilder()
	table, weight := b.Parameter("table", 5, width), b.Parameter("weight", classes, width)
	x := b.Apply(op.Embedding{Tables: 1, Scale: 1}, table, b.Input("tokens", graph.Int32, tokens)) // [tokens, width]
	loss := b.ApplyAll(op.CrossEntropy{}, x, weight, b.Input("labels", graph.Int32, tokens))[0]
	program, err := b.Compile(loss)
	if err != nil {
		t.Fatal(err)
	}
	k, err := kernel.New(1)
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	e, err := NewExecutor(NewCPU(k), program, make([]float32, program.ParameterSize))
	if err != nil {
		t.Fatal(err)
	}
	touched := func(n int) int64 {
		for _, input := range []string{"tokens", "labels"} {
			if err := e.Feed(input, make([]int32, n)); err != nil {
				t.Fatal(err)
			}
		}
		if err := e.Run(&Run{}); err != nil {
			t.Fatal(err)
		}
		return e.Touched()
	}
	all, most := touched(tokens), 4*int64(program.ArenaSize)
	// Between two values there may be a gap, to the next cache line.
	if gaps := int64(64 * len(program.Values)); all > most || all < most-gaps {
		t.Errorf("a full batch touches %d of %d bytes", all, most)
	}
	// Scalars and the gradients of the weight do not shrink with the batch.
	if half := touched(tokens / 2); half >= all || half < all/2 {
		t.Errorf("half a batch touches %d bytes, a full one %d", half, all)
	}
}
