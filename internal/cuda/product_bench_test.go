//go:build gpu

package cuda

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func multiplier(t testing.TB, d *Device) func() error {
	p := products(t, d)
	buffer, err := d.Allocate(4096)
	check(t, err)
	t.Cleanup(func() { check(t, buffer.Close()) })
	return func() error {
		return p.Multiply(Product{
			M: 8, N: 8, K: 8, A: Matrix{At: buffer.At}, B: Matrix{At: buffer.At + 1024, Transposed: true},
			D: Matrix{At: buffer.At + 2048}, Bias: buffer.At + 3072,
		})
	}
}

func BenchmarkMultiply(b *testing.B) {
	d := open(b)
	multiply := multiplier(b, d)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		check(b, multiply())
		if i%256 == 255 {
			check(b, d.Compute.Synchronize())
		}
	}
}

// BenchmarkAlgorithms shows for the products of RoBERTa base what the first algorithm that cuBLASLt proposes takes, and the
// fastest of all.
func BenchmarkAlgorithms(b *testing.B) {
	d := open(b)
	if strings.HasPrefix(d.Name, "vgpu") {
		b.Skip("a stand-in has no speed")
	}
	p := products(b, d)
	var err error
	p.choices, err = OpenChoices(filepath.Join(b.TempDir(), "products"))
	check(b, err)
	const hidden, forward, words = 768, 3072, 21128
	for _, tokens := range []int{1280, 4096, 10240, 32768, 131072} {
		for _, c := range []struct {
			name    string
			product Product
		}{
			{"y 768x768", Product{M: tokens, N: hidden, K: hidden, B: Matrix{Transposed: true}, Bias: 1, Result: BF16}},
			{"y 2304x768", Product{M: tokens, N: 3 * hidden, K: hidden, B: Matrix{Transposed: true}, Bias: 1, Result: BF16}},
			{"y 3072x768", Product{M: tokens, N: forward, K: hidden, B: Matrix{Transposed: true}, Bias: 1, Result: BF16}},
			{"y 768x3072", Product{M: tokens, N: hidden, K: forward, B: Matrix{Transposed: true}, Bias: 1, Result: BF16}},
			{"dx 768x768", Product{M: tokens, N: hidden, K: hidden, Beta: 1, Result: BF16}},
			{"dx 2304x768", Product{M: tokens, N: hidden, K: 3 * hidden, Beta: 1, Result: BF16}},
			{"dx 3072x768", Product{M: tokens, N: hidden, K: forward, Beta: 1, Result: BF16}},
			{"dx 768x3072", Product{M: tokens, N: forward, K: hidden, Result: BF16}},
			{"dW 768x768", Product{M: hidden, N: hidden, K: tokens, A: Matrix{Transposed: true}}},
			{"dW 2304x768", Product{M: 3 * hidden, N: hidden, K: tokens, A: Matrix{Transposed: true}}},
			{"dW 3072x768", Product{M: forward, N: hidden, K: tokens, A: Matrix{Transposed: true}}},
			{"dW 768x3072", Product{M: hidden, N: forward, K: tokens, A: Matrix{Transposed: true}}},
			{"logits", Product{M: tokens * 15 / 100, N: words, K: hidden, B: Matrix{Transposed: true}, Bias: 1, Result: BF16}},
			{"dh", Product{M: tokens * 15 / 100, N: hidden, K: words, Result: BF16}},
			{"dW words", Product{M: words, N: hidden, K: tokens * 15 / 100, A: Matrix{Transposed: true}, Beta: 1}},
		} {
			c.product.Factors = BF16
			buffers := [4]*Buffer{}
			for i, elements := range []int{c.product.M * c.product.K, c.product.K * c.product.N, 2 * c.product.M * c.product.N, c.product.N} {
				var err error
				buffers[i], err = d.Allocate(2 * int64(elements))
				check(b, err)
				check(b, d.Compute.Fill32(buffers[i].At, 0x3c003c00, buffers[i].Bytes/4))
			}
			c.product.A.At, c.product.B.At, c.product.D.At = buffers[0].At, buffers[1].At, buffers[2].At
			if c.product.Bias != 0 {
				c.product.Bias = buffers[3].At
			}
			check(b, c.product.complete())
			plan, err := p.plan(classOf(&c.product), &c.product)
			check(b, err)
			proposed, err := p.proposals(plan, &c.product)
			check(b, err)
			times, err := p.times(plan, c.product, proposed)
			check(b, err)
			best := slices.Min(times)
			fmt.Printf("%-12s %6d tokens: first %6d us, best of %d is number %d: %6d us, %4.0f TFLOP/s, %.2f of the first\n", c.name, tokens,
				times[0].Microseconds(), len(times), slices.Index(times, best), best.Microseconds(),
				2*float64(c.product.M)*float64(c.product.N)*float64(c.product.K)/best.Seconds()/1e12, best.Seconds()/times[0].Seconds())
			for _, buffer := range buffers {
				check(b, buffer.Close())
			}
		}
	}
}
