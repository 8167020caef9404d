package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// recurrentRun is a layer with its operands, inputs and outputs.
type recurrentRun struct {
	*Recurrent
	name            string
	x, dy, y, saved []float32
	g               RecurrentGradients
}

func newRecurrentRun(cell Cell, reverse bool, input, hidden, stride int, lengths ...int32) *recurrentRun {
	rng := rand.New(rand.NewPCG(3, uint64(hidden)))
	width := cell.Gates() * hidden
	r := &Recurrent{Cell: cell, Reverse: reverse, Input: input, Hidden: hidden, Stride: stride, Starts: offsets(lengths),
		WeightIH: normal(rng, width*input), WeightHH: normal(rng, width*hidden), BiasIH: normal(rng, width), BiasHH: normal(rng, width)}
	for i := range r.WeightHH {
		r.WeightHH[i] *= float32(1 / math.Sqrt(float64(hidden)))
	}
	for i := range r.WeightIH {
		r.WeightIH[i] *= float32(1 / math.Sqrt(float64(input)))
	}
	tokens := int(r.Starts[len(lengths)])
	return &recurrentRun{
		Recurrent: r, name: fmt.Sprintf("%s, reverse %v, %d to %d, %d sequences", [...]string{"tanh", "lstm", "gru"}[cell], reverse, input, hidden, len(lengths)),
		x: normal(rng, tokens*input), dy: normal(rng, tokens*max(stride, hidden)),
		y: make([]float32, tokens*max(stride, hidden)), saved: make([]float32, RecurrentSaved(r, tokens)),
		g: RecurrentGradients{X: make([]float32, tokens*input), WeightIH: make([]float32, width*input),
			WeightHH: make([]float32, width*hidden), BiasIH: make([]float32, width), BiasHH: make([]float32, width)},
	}
}

func recurrentRuns() []*recurrentRun {
	var runs []*recurrentRun
	for _, cell := range []Cell{TanhCell, LSTMCell, GRUCell} {
		for _, reverse := range []bool{false, true} {
			runs = append(runs,
				newRecurrentRun(cell, reverse, 7, 5, 0, 3, 1, 9, 0, 9),
				newRecurrentRun(cell, reverse, 20, 33, 40, 6, 2, 2))
		}
		many := append(slices.Repeat([]int32{3}, 22), 1, 2, 2, 1, 3, 2, 3) // more sequences than are multiplied at a time
		runs = append(runs, newRecurrentRun(cell, false, 16, 64, 0, many...))
	}
	return append(runs, newRecurrentRun(LSTMCell, true, 3, 4, 0), newRecurrentRun(GRUCell, false, 3, 4, 0, 1))
}

func (r *recurrentRun) run(cpu *CPU) {
	tokens, sequences := int(r.Starts[len(r.Starts)-1]), len(r.Starts)-1
	cpu.RecurrentForward(r.Recurrent, r.y, r.saved, r.x, make([]float32, RecurrentScratch(r.Recurrent, tokens, sequences, false)))
	cpu.RecurrentBackward(r.Recurrent, &r.g, r.dy, r.y, r.saved, r.x, make([]float32, RecurrentScratch(r.Recurrent, tokens, sequences, true)))
}

// outputs are the results by name.
func (r *recurrentRun) outputs() map[string][]float32 {
	return map[string][]float32{"y": r.y, "x": r.g.X, "WeightIH": r.g.WeightIH, "WeightHH": r.g.WeightHH, "BiasIH": r.g.BiasIH, "BiasHH": r.g.BiasHH}
}

// naive is the layer as PyTorch defines it, in float64, with one operand perhaps replaced.
func (r *recurrentRun) naive(replaced string, by []float64) []float64 {
	operands := map[string][]float64{"x": widen(r.x), "WeightIH": widen(r.WeightIH), "WeightHH": widen(r.WeightHH), "BiasIH": widen(r.BiasIH), "BiasHH": widen(r.BiasHH)}
	if replaced != "" {
		operands[replaced] = by
	}
	stride := max(r.Stride, r.Hidden)
	y := make([]float64, len(r.y))
	for s := range len(r.Starts) - 1 {
		h, c := make([]float64, r.Hidden), make([]float64, r.Hidden)
		for i := range int(r.Starts[s+1] - r.Starts[s]) {
			token := int(r.Starts[s]) + i
			if r.Reverse {
				token = int(r.Starts[s+1]) - 1 - i
			}
			a := naiveLinear(operands["WeightIH"], operands["BiasIH"], operands["x"][token*r.Input:(token+1)*r.Input])
			b := naiveLinear(operands["WeightHH"], operands["BiasHH"], h)
			h = r.Cell.naive(a, b, h, c)
			copy(y[token*stride:], h)
		}
	}
	return y
}

func (cell Cell) naive(a, b, h, c []float64) []float64 {
	n := len(h)
	next := make([]float64, n)
	for u := range n {
		sum := func(gate int) float64 { return a[gate*n+u] + b[gate*n+u] }
		switch cell {
		case TanhCell:
			next[u] = math.Tanh(sum(0))
		case LSTMCell:
			c[u] = sigmoid(sum(1))*c[u] + sigmoid(sum(0))*math.Tanh(sum(2))
			next[u] = sigmoid(sum(3)) * math.Tanh(c[u])
		case GRUCell:
			z := sigmoid(sum(1))
			next[u] = (1-z)*math.Tanh(a[2*n+u]+sigmoid(sum(0))*b[2*n+u]) + z*h[u]
		}
	}
	return next
}

// naiveLinear is W x + bias.
func naiveLinear(weight, bias, x []float64) []float64 {
	y := slices.Clone(bias)
	for i := range y {
		for j, v := range x {
			y[i] += weight[i*len(x)+j] * v
		}
	}
	return y
}

func widen(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}

func TestRecurrentAgreesWithTheDefinition(t *testing.T) {
	for i, r := range recurrentRuns() {
		r.run(newTestCPU(t, "portable", 1))
		requireNear(t, r.name+": y", r.y, r.naive("", nil), 1e-6)
		rng := rand.New(rand.NewPCG(5, uint64(i)))
		for name, x := range map[string][]float32{"x": r.x, "WeightIH": r.WeightIH, "WeightHH": r.WeightHH, "BiasIH": r.BiasIH, "BiasHH": r.BiasHH} {
			values, gradient := widen(x), r.outputs()[name]
			loss := func() float64 {
				sum := 0.0
				for i, y := range r.naive(name, values) {
					sum += y * float64(r.dy[i])
				}
				return sum
			}
			for range min(8, len(x)*min(1, 40/r.Hidden)) { // the largest layers would take long
				i := rng.IntN(len(x))
				requireSlope(t, r.name+": gradient of "+name, loss, &values[i], float64(gradient[i]))
			}
		}
	}
}

func TestRecurrentInstructionSetsAgree(t *testing.T) {
	for i, want := range recurrentRuns() {
		want.run(newTestCPU(t, "portable", 2))
		for _, set := range InstructionSets() {
			got := recurrentRuns()[i]
			got.run(newTestCPU(t, set, 2))
			for name, x := range want.outputs() {
				requireNear(t, set+", "+want.name+": "+name, got.outputs()[name], widen(x), 1e-5)
			}
		}
	}
}

func TestRecurrentDoesNotDependOnThreads(t *testing.T) {
	for _, set := range InstructionSets() {
		for i, one := range recurrentRuns() {
			one.run(newTestCPU(t, set, 1))
			for _, threads := range []int{2, 5} {
				r := recurrentRuns()[i]
				r.run(newTestCPU(t, set, threads))
				for name, want := range one.outputs() {
					if !slices.Equal(r.outputs()[name], want) {
						t.Errorf("%s, %s: %s differs between 1 and %d threads", set, r.name, name, threads)
					}
				}
			}
		}
	}
}

func TestRecurrentBackwardAccumulates(t *testing.T) {
	for _, cell := range []Cell{TanhCell, LSTMCell, GRUCell} {
		r := newRecurrentRun(cell, false, 7, 5, 0, 3, 1, 9)
		cpu := newTestCPU(t, InstructionSets()[0], 2)
		r.run(cpu)
		want := map[string][]float64{}
		for name, x := range r.outputs() {
			want[name] = widen(x)
			for i := range want[name] {
				if name != "y" {
					want[name][i] *= 2
				}
			}
		}
		a := &r.g.Accumulate
		a.X, a.WeightIH, a.WeightHH, a.BiasIH, a.BiasHH = true, true, true, true, true
		r.run(cpu)
		for name, x := range r.outputs() {
			requireNear(t, r.name+": "+name, x, want[name], 1e-6)
		}
	}
}
