package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"uer/internal/kernel/routine"
)

// recurrentRun is a layer with its operands, inputs and outputs.
type recurrentRun struct {
	RecurrentGradient
	name string
}

// layout is which directions a layer has, and what they read.
type layout int

const (
	oneDirection layout = iota
	together            // two directions that read the same
	split               // two directions that read one half each
)

func newRecurrentRun(cell Cell, l layout, input, hidden int, lengths ...int32) *recurrentRun {
	rng := rand.New(rand.NewPCG(3, uint64(hidden)))
	width := cell.Gates() * hidden
	run := &recurrentRun{name: fmt.Sprintf("%s, %s, %d to %d, %d sequences", [...]string{"tanh", "lstm", "gru"}[cell],
		[...]string{"one direction", "two directions", "two directions, split input"}[l], input, hidden, len(lengths))}
	run.Recurrent = Recurrent{Cell: cell, SplitInput: l == split, Input: input, Hidden: hidden, Starts: offsets(lengths)}
	r := &run.Recurrent
	for range map[layout]int{oneDirection: 1, together: 2, split: 2}[l] {
		w := RecurrentWeights{WeightIH: normal(rng, width*input), WeightHH: normal(rng, width*hidden), BiasIH: normal(rng, width), BiasHH: normal(rng, width)}
		for i := range w.WeightHH {
			w.WeightHH[i] *= float32(1 / math.Sqrt(float64(hidden)))
		}
		for i := range w.WeightIH {
			w.WeightIH[i] *= float32(1 / math.Sqrt(float64(input)))
		}
		r.Weights = append(r.Weights, w)
		output := func(n int) Output { return Output{To: Floats(make([]float32, n))} }
		run.DWeights = append(run.DWeights, RecurrentWeightGradients{WeightIH: output(width * input), WeightHH: output(width * hidden),
			BiasIH: output(width), BiasHH: output(width)})
	}
	tokens, outputs := int(r.Starts[len(lengths)]), len(r.Weights)*hidden
	r.X, run.DY = Floats(normal(rng, tokens*r.inputWidth())), Floats(normal(rng, tokens*outputs))
	r.Y, r.Saved = Floats(make([]float32, tokens*outputs)), Floats(make([]float32, RecurrentSaved(cell, tokens, outputs)))
	run.DX.To = Floats(make([]float32, len(r.X.Floats)))
	return run
}

func recurrentRuns() []*recurrentRun {
	var runs []*recurrentRun
	for _, cell := range []Cell{TanhCell, LSTMCell, GRUCell} {
		for _, l := range []layout{oneDirection, together, split} {
			runs = append(runs,
				newRecurrentRun(cell, l, 7, 5, 3, 1, 9, 0, 9),
				newRecurrentRun(cell, l, 20, 33, 6, 2, 2))
		}
		many := append(slices.Repeat([]int32{3}, 22), 1, 2, 2, 1, 3, 2, 3) // more sequences than are multiplied at a time
		runs = append(runs, newRecurrentRun(cell, oneDirection, 16, 64, many...))
	}
	return append(runs, newRecurrentRun(LSTMCell, split, 3, 4, 0), newRecurrentRun(GRUCell, oneDirection, 3, 4, 0, 1))
}

func (r *recurrentRun) run(cpu *CPU) {
	r.Scratch = make([]float32, r.Recurrent.ScratchSize(cpu))
	cpu.RecurrentForward(&r.Recurrent)
	r.Scratch = make([]float32, r.ScratchSize(cpu))
	cpu.RecurrentBackward(&r.RecurrentGradient)
}

// operands are the inputs by name.
func (r *recurrentRun) operands() map[string][]float32 {
	x := map[string][]float32{"x": r.X.Floats}
	for d, w := range r.Weights {
		for name, values := range map[string][]float32{"WeightIH": w.WeightIH, "WeightHH": w.WeightHH, "BiasIH": w.BiasIH, "BiasHH": w.BiasHH} {
			x[fmt.Sprint(name, " ", d)] = values
		}
	}
	return x
}

// gradients are the outputs of the operands' gradients, by the names of the operands.
func (r *recurrentRun) gradients() map[string]*Output {
	x := map[string]*Output{"x": &r.DX}
	for d := range r.DWeights {
		w := &r.DWeights[d]
		for name, output := range map[string]*Output{"WeightIH": &w.WeightIH, "WeightHH": &w.WeightHH, "BiasIH": &w.BiasIH, "BiasHH": &w.BiasHH} {
			x[fmt.Sprint(name, " ", d)] = output
		}
	}
	return x
}

// outputs are the results by name.
func (r *recurrentRun) outputs() map[string][]float32 {
	values := func(x Array) []float32 {
		if x.Halves != nil {
			return widened(x)
		}
		return x.Floats
	}
	x := map[string][]float32{"y": values(r.Y)}
	for name, output := range r.gradients() {
		x[name] = values(output.To)
	}
	return x
}

// naive is the layer as PyTorch defines it, in float64, with one operand perhaps replaced.
func (r *recurrentRun) naive(replaced string, by []float64) []float64 {
	operands := map[string][]float64{}
	for name, x := range r.operands() {
		operands[name] = widen(x)
	}
	if replaced != "" {
		operands[replaced] = by
	}
	y := make([]float64, len(r.Y.Floats))
	for d := range r.Weights {
		operand := func(name string) []float64 { return operands[fmt.Sprint(name, " ", d)] }
		for s := range len(r.Starts) - 1 {
			h, c := make([]float64, r.Hidden), make([]float64, r.Hidden)
			for i := range int(r.Starts[s+1] - r.Starts[s]) {
				token := int(r.Starts[s]) + i
				if d == 1 {
					token = int(r.Starts[s+1]) - 1 - i
				}
				x := operands["x"][token*r.inputWidth()+r.column(d):][:r.Input]
				a := naiveLinear(operand("WeightIH"), operand("BiasIH"), x)
				b := naiveLinear(operand("WeightHH"), operand("BiasHH"), h)
				h = naiveCell(r.Cell, a, b, h, c)
				copy(y[(token*len(r.Weights)+d)*r.Hidden:], h)
			}
		}
	}
	return y
}

func naiveCell(cell Cell, a, b, h, c []float64) []float64 {
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
		requireNear(t, r.name+": y", r.Y.Floats, r.naive("", nil), 1e-6)
		rng := rand.New(rand.NewPCG(5, uint64(i)))
		for name, x := range r.operands() {
			values, gradient := widen(x), r.outputs()[name]
			loss := func() float64 {
				sum := 0.0
				for i, y := range r.naive(name, values) {
					sum += y * float64(r.DY.Floats[i])
				}
				return sum
			}
			samples := 8
			if testing.Short() {
				samples = 2
			}
			for range min(samples, len(x)*min(1, 40/r.Hidden)) { // the largest layers would take long
				i := rng.IntN(len(x))
				requireSlope(t, r.name+": gradient of "+name, loss, &values[i], float64(gradient[i]))
			}
		}
	}
}

func TestRecurrentInstructionSetsAgree(t *testing.T) {
	for i, want := range recurrentRuns() {
		want.run(newTestCPU(t, "portable", 2))
		for _, set := range testedSets() {
			got := recurrentRuns()[i]
			got.run(newTestCPU(t, set, 2))
			for name, x := range want.outputs() {
				requireNear(t, set+", "+want.name+": "+name, got.outputs()[name], widen(x), 1e-5)
			}
		}
	}
}

func TestRecurrentDoesNotDependOnThreads(t *testing.T) {
	for _, set := range testedSets() {
		for i, one := range recurrentRuns() {
			one.run(newTestCPU(t, set, 1))
			for _, threads := range testedThreads() {
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

// TestRecurrentPrecisions: with three parts a layer has the results of float32; with one, about those, which are rounded at
// each step, and do not depend on the threads.
func TestRecurrentPrecisions(t *testing.T) {
	for i, want := range recurrentRuns() {
		want.run(newTestCPU(t, "portable", 1))
		for _, set := range testedSets() {
			for precision, tolerance := range map[Precision]float64{BFloat16x6: 1e-5, BFloat16: 0.1} {
				got, again := recurrentRuns()[i], recurrentRuns()[i]
				got.Precision, again.Precision = precision, precision
				got.run(newTestCPU(t, set, 1))
				again.run(newTestCPU(t, set, 3))
				for name, x := range want.outputs() {
					requireNear(t, fmt.Sprintf("%s, precision %d, %s: %s", set, precision, want.name, name), got.outputs()[name], widen(x), tolerance)
					if !slices.Equal(got.outputs()[name], again.outputs()[name]) {
						t.Errorf("%s, precision %d, %s: %s differs between 1 and 3 threads", set, precision, want.name, name)
					}
				}
			}
		}
	}
}

func TestRecurrentBackwardAccumulates(t *testing.T) {
	for _, cell := range []Cell{TanhCell, LSTMCell, GRUCell} {
		r := newRecurrentRun(cell, together, 7, 5, 3, 1, 9)
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
		for _, output := range r.gradients() {
			output.Accumulate = true
		}
		r.run(cpu)
		for name, x := range r.outputs() {
			requireNear(t, r.name+": "+name, x, want[name], 1e-6)
		}
	}
}

// inHalves is a run of the layer whose activations are stored in bfloat16.
func inHalves(r *recurrentRun) *recurrentRun {
	r.Precision = BFloat16
	for _, x := range []*Array{&r.X, &r.Y, &r.Saved, &r.DY, &r.DX.To} {
		*x = rounded(x.Floats)
	}
	return r
}

// TestRecurrentOfHalves: a layer on arrays in bfloat16 has about the results of one on float32 with the same factors, whatever
// the threads.
func TestRecurrentOfHalves(t *testing.T) {
	runs := func() []*recurrentRun {
		return append(recurrentRuns(), // the last two with several blocks of K
			newRecurrentRun(TanhCell, together, 1100, 5, 3, 1), newRecurrentRun(LSTMCell, split, 1100, 5, 2, 4))
	}
	for _, set := range testedSets() {
		for i, want := range runs() {
			want.Precision = BFloat16
			want.run(newTestCPU(t, set, 1))
			got, again := inHalves(runs()[i]), inHalves(runs()[i])
			got.run(newTestCPU(t, set, 1))
			again.run(newTestCPU(t, set, 3))
			for name, x := range want.outputs() {
				requireNear(t, set+", "+want.name+": "+name, got.outputs()[name], widen(x), 0.03)
				if !slices.Equal(got.outputs()[name], again.outputs()[name]) {
					t.Errorf("%s, %s: %s differs between 1 and 3 threads", set, want.name, name)
				}
			}
		}
	}
}

// newStep makes a step of a cell over the tokens 1, 3 and 5 of 7, of which two have a next step, with numbers everywhere.
func newStep(cell Cell, start bool) *routine.RecurrentStep {
	const tokens, rows, hidden, stride = 7, 3, 37, 40
	width, seed := cell.Gates()*hidden, uint64(0)
	draw := func(n int) []float32 {
		seed++
		return normal(rand.New(rand.NewPCG(seed, 8)), n)
	}
	halves := func(n int) Array { return rounded(draw(n)) }
	s := &routine.RecurrentStep{
		Cell: cell, Hidden: hidden, Tokens: []int32{1, 3, 5}, Previous: -1, Start: start, Sums: draw(rows * width),
		Bias: draw(hidden), Gates: halves(tokens * width), GateStride: width, Extra: halves(tokens * hidden),
		Y: halves(tokens * stride), Stride: stride, Before: draw(rows * hidden), After: draw(rows * hidden), Carried: 2,
		Next: draw(rows * width), Now: draw(rows * width), Memory: draw(rows * hidden),
		DY: halves(tokens * stride), DGates: halves(tokens * width), DExtra: halves(tokens * hidden),
	}
	if cell == TanhCell {
		s.Gates, s.GateStride = s.Y, stride
	}
	return s
}

// TestRecurrentStepsOfHalves: a step on arrays in bfloat16 is that on the same numbers in float32, what it writes to arrays
// rounded once, for every set.
func TestRecurrentStepsOfHalves(t *testing.T) {
	for _, set := range InstructionSets() {
		table := newTestCPU(t, set, 1).table
		for _, cell := range []Cell{TanhCell, LSTMCell, GRUCell} {
			for name, run := range map[string]func(routine.RecurrentTile){"forward": table.Recurrent.Forward, "backward": table.Recurrent.Backward} {
				for _, start := range []bool{false, true} {
					half, exact := newStep(cell, start), newStep(cell, start)
					for _, x := range []*Array{&exact.Gates, &exact.Extra, &exact.Y, &exact.DY, &exact.DGates, &exact.DExtra} {
						*x = Floats(widened(*x))
					}
					if cell == TanhCell {
						exact.Gates = exact.Y
					}
					for _, s := range []*routine.RecurrentStep{half, exact} {
						for first := 0; first < s.Hidden; first += routine.RecurrentUnits {
							run(routine.RecurrentTile{RecurrentStep: s, First: first, Units: min(routine.RecurrentUnits, s.Hidden-first)})
						}
					}
					what := fmt.Sprintf("%s, cell %d, %s, start %v: ", set, cell, name, start)
					for name, x := range map[string][2]Array{"gates": {half.Gates, exact.Gates}, "extra": {half.Extra, exact.Extra}, "y": {half.Y, exact.Y},
						"dgates": {half.DGates, exact.DGates}, "dextra": {half.DExtra, exact.DExtra}} {
						requireRounded(t, what+name, x[0], x[1].Floats, nil)
					}
					for name, x := range map[string][2][]float32{"after": {half.After, exact.After}, "now": {half.Now, exact.Now}, "memory": {half.Memory, exact.Memory}} {
						if !slices.EqualFunc(x[0], x[1], sameBits) {
							t.Errorf("%s%s, which is float32, differs", what, name)
						}
					}
				}
			}
		}
	}
}
