package kernels

import (
	"fmt"
	"iter"
)

// RecurrentTile is what a block of a kernel of recurrent layers has at a time.
type RecurrentTile struct{ Units, Rows int }

// The tiles of kernels for activations in float32 and in bfloat16.
var (
	RecurrentFloat    = RecurrentTile{4, 32}
	RecurrentBFloat16 = RecurrentTile{16, 16}
)

// mostRecurrentRows is how many rows a block can have.
const mostRecurrentRows = 1024

// RecurrentKernel is the name of the kernel in bfloat16 for layers of a cell, whose stem is "lstm" or, for its gradient,
// "lstm_gradient": the fast ones take as many units as they can keep the weights of, in multiples of 32.
func RecurrentKernel(stem string, hidden int) string {
	for _, most := range []int{512, 768, 1024} {
		if hidden%32 == 0 && hidden <= most {
			return fmt.Sprintf("recurrent_%s_%d_bf16", stem, most)
		}
	}
	return "recurrent_" + stem + "_bf16"
}

// RecurrentLaunch is one of the launches that compute a layer.
type RecurrentLaunch struct {
	Grid       [3]int
	Together   bool // the blocks wait for each other, at counters [directions, Grid[1]] that are 0 before
	Row, Rows  int  // of order
	Direction  int  // the first of Grid[2]
	Begin, End int  // steps
}

// RecurrentLaunches cuts a layer into launches, given how many blocks can run at the same time. If the blocks of a direction
// can, they compute all steps in one launch, of both directions if there is room; otherwise each step is a launch.
// Results do not depend on it. Steps are given forwards or, for a gradient, backwards.
func RecurrentLaunches(o *SequenceOrder, t RecurrentTile, hidden, directions, most int, backwards bool) iter.Seq[RecurrentLaunch] {
	return func(yield func(RecurrentLaunch) bool) {
		steps, units := len(o.Alive), ceilDivide(hidden, t.Units)
		if units > most {
			for i := range steps {
				step := i
				if backwards {
					step = steps - 1 - i
				}
				alive := int(o.Alive[step])
				l := RecurrentLaunch{Grid: [3]int{units, ceilDivide(alive, t.Rows), directions}, Rows: alive, Begin: step, End: step + 1}
				if !yield(l) {
					return
				}
			}
			return
		}
		each := directions // directions of a launch
		if units*each > most {
			each = 1
		}
		for first := 0; steps > 0 && first < int(o.Alive[0]); {
			tiles := ceilDivide(int(o.Alive[0])-first, t.Rows)
			groups := min(tiles, most/(units*each))
			rows := min(int(o.Alive[0])-first, groups*mostRecurrentRows)
			for direction := 0; direction < directions; direction += each {
				l := RecurrentLaunch{
					Grid: [3]int{units, groups, each}, Together: true, Row: first, Rows: rows, Direction: direction, End: steps,
				}
				if !yield(l) {
					return
				}
			}
			first += rows
		}
	}
}
