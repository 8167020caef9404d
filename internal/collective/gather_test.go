package collective

import (
	"slices"
	"testing"
)

// gathered returns a rank's values of an AllGather, and what they must become. Its bounds are those of ranges of many
// lengths, among them none.
func gathered(rank, world, n int) (values, want []float32, bounds []int) {
	for r := range world {
		bounds = append(bounds, n*r*r/(world*world))
	}
	bounds = append(bounds, n)
	if world > 2 {
		bounds[2] = bounds[1]
	}
	for r := range world {
		for i := bounds[r]; i < bounds[r+1]; i++ {
			value := float32(1000*r + i%999)
			want = append(want, value)
			if r != rank {
				value = -1
			}
			values = append(values, value)
		}
	}
	return values, want, bounds
}

// TestAllGather: however the ranks are divided into processes, all get the values of each.
func TestAllGather(t *testing.T) {
	for _, n := range []int{1, 100, 1 << 20} {
		for _, split := range [][][]int{
			{{0}}, {{0, 1, 2}}, {{0}, {1}}, {{0, 1}, {2, 3}}, {{0, 2}, {1, 4}, {3}},
		} {
			world := len(slices.Concat(split...))
			check := func(l *Local) error {
				for range 2 { // the second time with the buffers of the first
					values, want, bounds := gathered(l.Rank(), world, n)
					if err := l.AllGather(values, bounds); err != nil {
						return err
					}
					if !slices.Equal(values, want) {
						t.Errorf("%v, %d values: rank %d has others", split, n, l.Rank())
					}
				}
				return nil
			}
			var errs []error
			if len(split) == 1 {
				errs = together(NewLocal(world), check)
			} else {
				errs = spreadOut(t, split, check)
			}
			for _, err := range errs {
				if err != nil {
					t.Fatalf("%v, %d values: %v", split, n, err)
				}
			}
		}
	}
}
