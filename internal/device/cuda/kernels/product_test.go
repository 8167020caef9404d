//go:build gpu

package kernels

import (
	"fmt"
	"testing"
)

func TestProduct(t *testing.T) {
	for _, size := range [][3]int{{65, 130, 33}, {1, 1, 1}, {5, 7, 3}, {64, 64, 16}, {70, 3, 100}, {3, 5, 0}} {
		for _, transposes := range [][2]bool{{false, false}, {false, true}, {true, false}, {true, true}} {
			m, n, k := size[0], size[1], size[2]
			t.Run(fmt.Sprint(size, transposes), func(t *testing.T) {
				strideA, strideB, strideC := k+1, n+2, n+3
				a, b := random(1, m*strideA), random(2, k*strideB)
				if transposes[0] {
					strideA = m + 1
					a = random(1, k*strideA)
				}
				if transposes[1] {
					strideB = k + 2
					b = random(2, n*strideB)
				}
				c, bias := random(3, m*strideC), random(4, n)
				want := doubles(c)
				for i := range m {
					for j := range n {
						want[i*strideC+j] += float64(bias[j])
						for l := range k {
							x, y := i*strideA+l, l*strideB+j
							if transposes[0] {
								x = l*strideA + i
							}
							if transposes[1] {
								y = j*strideB + l
							}
							want[i*strideC+j] += float64(a[x]) * float64(b[y])
						}
					}
				}
				overwritten, plain := random(3, m*strideC), make([]float64, len(want))
				for i := range plain {
					plain[i] = float64(c[i])
					if i%strideC < n {
						plain[i] = want[i] - float64(c[i]) - float64(bias[i%strideC])
					}
				}
				blocks := grid{ceilDivide(n, 64), ceilDivide(m, 64)}
				launch(t, "product_float", blocks, c, a, b, bias, m, n, k, strideC, strideA, strideB, transposes[0], transposes[1], true)
				compareWithin(t, "product added", c, want, 1e-5)
				launch(t, "product_float", blocks, overwritten, a, b, nil, m, n, k, strideC, strideA, strideB, transposes[0], transposes[1], false)
				compareWithin(t, "product", overwritten, plain, 1e-5)
			})
		}
	}
}
