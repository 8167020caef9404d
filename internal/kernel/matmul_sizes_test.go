package kernel

import (
	"math/rand/v2"
	"testing"

	"uer/internal/kernel/routine"
)

// TestSizesForCaches: what is packed at a time fits into the caches where these are not tiny, is worth a tile, and does not
// shrink with larger caches. Unknown sizes are no problem.
func TestSizesForCaches(t *testing.T) {
	const kilo, mega, float = 1 << 10, 1 << 20, 4
	before := productSizes{}
	for second := 16 * kilo; second <= 64*mega; second *= 2 {
		for _, third := range []int{-1, 0, second, 4 * second, 64 * second} {
			sizes := sizesFor(second, third)
			for _, set := range testedSets() {
				for _, m := range newTestCPU(t, set, 1).table.Matmul {
					lines, before := sizes.lines(&m), before.lines(&m)
					if lines < max(m.Rows, m.Columns) {
						t.Errorf("caches of %d and %d bytes: tiles of %d lines, fewer than in a register tile of %s", second, third, lines, set)
					}
					if panel := m.Columns * lineSize(&m) * float; second >= 256*kilo && lines > 32 && lines*lineSize(&m)*float+panel > second {
						t.Errorf("caches of %d and %d bytes: %d lines and a panel of %s do not fit", second, third, lines, set)
					}
					if lines < before {
						t.Errorf("second-level cache of %d bytes: %d lines, for a smaller one %d", second, lines, before)
					}
				}
			}
			if sizes.chunk <= 0 || third > 0 && sizes.chunk*float > third/2 {
				t.Errorf("caches of %d and %d bytes: chunk of %d elements", second, third, sizes.chunk)
			}
		}
		sizes := sizesFor(second, 4*second)
		if sizes.own < before.own || sizes.chunk < before.chunk {
			t.Errorf("second-level cache of %d bytes: %+v, for a smaller one %+v", second, sizes, before)
		}
		before = sizes
	}
	if unknown := sizesFor(-1, 0); unknown.own == 0 || unknown.chunk <= 0 {
		t.Errorf("unknown caches: %+v", unknown)
	}
}

// A machine with other caches, or one that hides them, must give the same bits.
func TestMatMulSizesDoNotChangeBits(t *testing.T) {
	cases := []productCase{
		{m: 150, n: 300, k: 1700, transposeB: true, bias: true, activation: GELU, before: true},
		{m: 300, n: 150, k: 1700, transposeA: true, accumulate: true},
		{m: 90, n: 200, k: 900, packed: true, dropout: 0.1, residual: true},
	}
	if testing.Short() {
		cases = cases[2:]
	}
	for _, set := range testedSets() {
		c := newTestCPU(t, set, 2)
		for _, p := range cases {
			for p.precision = range routine.Precisions {
				if inPlainGo(set, p.precision) {
					continue
				}
				var want Product
				for i, sizes := range []productSizes{machineSizes(), {1 << 16, 1 << 14}, {150 << 10, 1 << 16}, {4 << 20, 1 << 24}} {
					got := p.product(rand.New(rand.NewPCG(1, 2)))
					c.sizes = sizes
					multiplyCase(c, p, &got)
					if i == 0 {
						want = got
					} else if !identical(got.C.Floats, want.C.Floats) || !identical(got.PreActivation.Floats, want.PreActivation.Floats) {
						t.Errorf("%s, %v: differs with %+v", set, p, sizes)
					}
				}
			}
		}
	}
}
