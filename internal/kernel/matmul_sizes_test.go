package kernel

import (
	"math/rand/v2"
	"testing"
)

func TestSizesForCaches(t *testing.T) {
	const kilo, mega = 1 << 10, 1 << 20
	for _, test := range []struct {
		second, third int
		want          productSizes
	}{
		{256 * kilo, 6 * mega, productSizes{32, 384 * kilo}},
		{384 * kilo, 8 * mega, productSizes{64, 512 * kilo}},
		{512 * kilo, 16 * mega, productSizes{96, mega}},
		{1 * mega, 32 * mega, productSizes{96, mega}},
		{2 * mega, 105 * mega, productSizes{96, mega}},
		{12 * mega, -1, productSizes{96, mega}},
		{-1, 0, productSizes{96, mega}},
		{64 * kilo, 1 * mega, productSizes{32, 64 * kilo}},
	} {
		if got := sizesFor(test.second, test.third); got != test.want {
			t.Errorf("caches of %d and %d bytes: %+v, not %+v", test.second, test.third, got, test.want)
		}
	}
	for _, set := range InstructionSets() {
		c := newTestCPU(t, set, 1)
		for _, m := range c.table.Matmul {
			if c.sizes.lines < max(m.Rows, m.Columns) {
				t.Errorf("%s: a tile of %d lines is less than a register tile of %d, %d", set, c.sizes.lines, m.Rows, m.Columns)
			}
		}
	}
}

// A machine with other caches, or one that hides them, must give the same bits.
func TestMatMulSizesDoNotChangeBits(t *testing.T) {
	cases := []productCase{
		{m: 150, n: 300, k: 1700, transposeB: true, bias: true, activation: GELU, before: true},
		{m: 300, n: 150, k: 1700, transposeA: true, accumulate: true},
		{m: 90, n: 200, k: 900, packed: true, dropout: 0.1, residual: true},
	}
	for _, set := range InstructionSets() {
		c := newTestCPU(t, set, 2)
		for _, p := range cases {
			for _, p.precision = range []Precision{Float32, BFloat16} {
				if p.precision == BFloat16 && !c.SupportsBF16() {
					continue
				}
				var want Product
				for i, sizes := range []productSizes{machineSizes(), {32, 1 << 14}, {48, 1 << 16}, {256, 1 << 24}} {
					got := p.product(rand.New(rand.NewPCG(1, 2)))
					c.sizes = sizes
					multiplyCase(c, p, &got)
					if i == 0 {
						want = got
					} else if !identical(got.C, want.C) || !identical(got.Before, want.Before) {
						t.Errorf("%s, %v: differs with %+v", set, p, sizes)
					}
				}
			}
		}
	}
}
