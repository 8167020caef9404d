//go:build gpu

package kernels

import (
	"fmt"
	"testing"
)

func TestProduct(t *testing.T) {
	for _, size := range [][3]int{{65, 130, 33}, {1, 1, 1}, {5, 7, 3}, {64, 64, 16}, {70, 3, 100}, {3, 5, 0}} {
		for _, transposes := range [][2]bool{{false, false}, {false, true}, {true, false}, {true, true}} {
			for _, kind := range []struct {
				kernel string
				a, c   storage
			}{{"product_float", storages[0], storages[0]}, {"product_bf16", storages[1], storages[1]}, {"product_float_bf16", storages[1], storages[0]}} {
				t.Run(fmt.Sprint(kind.kernel, size, transposes), func(t *testing.T) {
					testProduct(t, kind.kernel, kind.a, kind.c, size[0], size[1], size[2], transposes[0], transposes[1])
				})
			}
		}
	}
}

func testProduct(t *testing.T, kernel string, from, to storage, m, n, k int, transposeA, transposeB bool) {
	strideA, strideB, strideC := k+1, n+2, n+3
	a, b := from.random(1, m*strideA), from.random(2, k*strideB)
	if transposeA {
		strideA = m + 1
		a = from.random(1, k*strideA)
	}
	if transposeB {
		strideB = k + 2
		b = from.random(2, n*strideB)
	}
	c, bias := to.random(3, m*strideC), to.random(4, n)
	want := doubles(c)
	for i := range m {
		for j := range n {
			want[i*strideC+j] += float64(bias[j])
			for l := range k {
				x, y := i*strideA+l, l*strideB+j
				if transposeA {
					x = l*strideA + i
				}
				if transposeB {
					y = j*strideB + l
				}
				want[i*strideC+j] += float64(a[x]) * float64(b[y])
			}
		}
	}
	overwritten, plain := to.random(3, m*strideC), make([]float64, len(want))
	for i := range plain {
		plain[i] = float64(c[i])
		if i%strideC < n {
			plain[i] = want[i] - float64(c[i]) - float64(bias[i%strideC])
		}
	}
	blocks := grid{ceilDivide(n, 64), ceilDivide(m, 64)}
	launch(t, kernel, blocks, c, a, b, bias, m, n, k, strideC, strideA, strideB, transposeA, transposeB, true)
	to.compareWithin(t, "product added", c, want, 1e-5)
	launch(t, kernel, blocks, overwritten, a, b, nil, m, n, k, strideC, strideA, strideB, transposeA, transposeB, false)
	to.compareWithin(t, "product", overwritten, plain, 1e-5)
}
