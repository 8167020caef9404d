package optimizer

import (
	"slices"
	"testing"

	"uer/internal/graph"
)

// TestDivision: the ranks' ranges of parameters and parts of the state follow one another, have the same places on all
// ranks, and hold all there is.
func TestDivision(t *testing.T) {
	layout := graph.NewLayout()
	for i, shape := range []graph.Shape{{100, 32}, {32}, {33, 65}, {7}, {64, 64}, {64}, {5}} {
		layout.AddParameter(graph.Parameter{Name: string(rune('a' + i)), Shape: shape, Frozen: i == 1})
	}
	for name := range ByName {
		whole, err := New(Settings{Name: name}, layout)
		if err != nil {
			t.Fatal(err)
		}
		for _, ranks := range []int{2, 3, 4, 8, 50} {
			var first *Division
			updated := make([]int, layout.ParameterSize)
			size := 0
			for rank := range ranks {
				o, err := New(Settings{Name: name, Rank: rank, Ranks: ranks}, layout)
				if err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(o.Whole.State, whole.Program.State) {
					t.Fatalf("%s: the whole state is %v, not %v", name, o.Whole.State, whole.Program.State)
				}
				if first == nil {
					first = o.Division
				}
				if !slices.Equal(o.Division.Parameters, first.Parameters) {
					t.Fatalf("%s, rank %d of %d: other ranges than on rank 0", name, rank, ranks)
				}
				bounds := o.Division.Parameters
				for _, v := range o.Program.Values {
					if v.Place != graph.InParameters {
						continue
					}
					if v.Offset < bounds[rank] || v.Offset+v.Shape.Elements() > bounds[rank+1] {
						t.Errorf("%s, rank %d of %d: %v at %d is beyond its range", name, rank, ranks, v.Shape, v.Offset)
					}
					for i := range v.Shape.Elements() {
						updated[v.Offset+i]++
					}
				}
				size += o.Program.StateSize
				end := 0
				for i, part := range o.Division.State {
					if part.Size != first.State[i].Size || part.Whole != first.State[i].Whole || part.Rank != first.State[i].Rank {
						t.Errorf("%s, rank %d of %d: part %d differs from rank 0's", name, rank, ranks, i)
					}
					if part.Whole < end || part.Whole-end >= graph.Alignment {
						t.Errorf("%s, %d ranks: part %d begins at %d, after %d", name, ranks, i, part.Whole, end)
					}
					end = part.Whole + part.Size
				}
				if whole.Program.StateSize-end >= graph.Alignment {
					t.Errorf("%s, %d ranks: the parts end at %d of %d", name, ranks, end, whole.Program.StateSize)
				}
			}
			for _, p := range trained(layout) {
				for i := p.Offset; i < end(p); i++ {
					if updated[i] != 1 {
						t.Fatalf("%s, %d ranks: element %d of %s is updated %d times", name, ranks, i-p.Offset, p.Name, updated[i])
					}
				}
			}
			if limit := whole.Program.StateSize + 3*graph.Alignment*ranks; size > limit {
				t.Errorf("%s: %d ranks have %d elements of state together, more than %d", name, ranks, size, limit)
			}
		}
	}
}
