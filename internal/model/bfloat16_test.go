package model

import (
	"math"
	"testing"

	"uer/internal/device"
	"uer/internal/kernel"
)

// TestBFloat16 compares training in bfloat16 with the golden numbers. A factor keeps eight bits, so a product of many
// terms is off by some 2⁻⁹ of its size; the loss stays within 1 % and the direction of the gradient within 0.99.
func TestBFloat16(t *testing.T) {
	onEverySet(t, func(t *testing.T) {
		for name := range goldenModels {
			t.Run(name, func(t *testing.T) { openGolden(t, name).compareBFloat16(t) })
		}
	})
}

func (g *golden) compareBFloat16(t *testing.T) {
	if !g.cpu.SupportsBF16() {
		t.Skip("no products in bfloat16")
	}
	exact := g.start(t)
	loss := g.run(t, exact, 0)
	cpu := device.NewCPU(g.cpu)
	cpu.Precision = kernel.BFloat16
	rounded, err := device.NewExecutor(cpu, g.model.Program, exact.Parameters())
	if err != nil {
		t.Fatal(err)
	}
	if got := g.run(t, rounded, 0); math.Abs(got-loss) > 0.01*loss || got == loss {
		t.Errorf("loss %v in bfloat16, %v in float32", got, loss)
	}
	if similarity := cosine(rounded.Gradients(), exact.Gradients()); similarity < 0.99 {
		t.Errorf("the gradients point in different directions: cosine %.4f", similarity)
	}
}

func cosine(a, b []float32) float64 {
	var product, squaresA, squaresB float64
	for i, x := range a {
		y := float64(b[i])
		product += float64(x) * y
		squaresA += float64(x) * float64(x)
		squaresB += y * y
	}
	return product / math.Sqrt(squaresA*squaresB)
}
