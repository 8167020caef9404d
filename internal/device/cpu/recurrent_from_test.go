package cpu

import (
	"slices"
	"testing"

	"uer/internal/device/devicetest"
	"uer/internal/graph"
	"uer/internal/kernel"
	"uer/internal/op"
)

// TestRecurrentFrom: a sequence that is read in pieces, each from the state that the one before has left, gets the bits that
// it has when it is read at once.
func TestRecurrentFrom(t *testing.T) {
	const tokens, in, hidden = 9, 5, 40 // more than a tile of hidden units
	for _, set := range kernel.InstructionSets() {
		for cell, name := range map[op.Cell]string{op.TanhCell: "tanh", op.LSTMCell: "lstm", op.GRUCell: "gru"} {
			t.Run(set+"/"+name, func(t *testing.T) {
				d := newDevice(t, set, 2)
				read := func(pieces ...[2]int) []float32 {
					y, err := devicetest.ReadInPieces(d, cell, tokens, in, hidden, pieces...)
					if err != nil {
						t.Fatal(err)
					}
					return y
				}
				want := read([2]int{0, tokens})
				if got := read([2]int{0, 4}, [2]int{4, 5}, [2]int{5, 6}, [2]int{6, tokens}); !slices.Equal(got, want) {
					t.Errorf("in pieces %v, at once %v", got, want)
				}
				again := read([2]int{0, 4}, [2]int{0, 4})
				if !slices.Equal(again[:4*hidden], want[:4*hidden]) {
					t.Error("another memory does not begin with zeros")
				}
				if slices.Equal(again[4*hidden:], want[:4*hidden]) {
					t.Error("the state of the first piece changes nothing")
				}
			})
		}
	}
}

// TestRecurrentSaves: what a layer saves takes half the memory where activations are stored in bfloat16.
func TestRecurrentSaves(t *testing.T) {
	const tokens, in, hidden = 3, 5, 7
	shapes := []graph.Shape{{tokens, in}, {4 * hidden, in}, {4 * hidden, hidden}, {4 * hidden}, {4 * hidden}, {2}}
	for precision, want := range map[string]int{"fp32": 5 * tokens * hidden, "bf16": (5*tokens*hidden + 1) / 2} {
		d, err := New(Options{Threads: 1, Precision: precision})
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		got, err := kernels.SavedSize(d)(op.Recurrent{Cell: op.LSTMCell, Directions: 1}, shapes)
		if err != nil || got != want {
			t.Errorf("%s: %d elements of memory (error %v), want %d", precision, got, err, want)
		}
	}
}
