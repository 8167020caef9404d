//go:build gpu

package kernels

import (
	"fmt"
	"slices"
	"testing"

	"uer/internal/kernel"
)

// recurrentCells are the cells by the stem of their kernels.
var recurrentCells = map[string]kernel.Cell{"tanh": kernel.TanhCell, "lstm": kernel.LSTMCell, "gru": kernel.GRUCell}

func TestRecurrent(t *testing.T) {
	many := []int32{0} // more sequences than a block has rows
	for i := range 40 {
		many = append(many, many[i]+int32(i*7%5))
	}
	for name := range recurrentCells {
		for _, directions := range []int{1, 2} {
			for _, c := range []struct {
				starts        []int32
				input, hidden int
			}{{[]int32{0, 0, 2, 9}, 2, 137}, {many, 5, 8}, {raggedStarts[0], 4, 3}, {raggedStarts[0], 3, 20}} {
				t.Run(fmt.Sprintf("%s, %d directions, %d units, %d sequences", name, directions, c.hidden, len(c.starts)-1), func(t *testing.T) {
					testRecurrent(t, name, directions, c.input, c.hidden, c.starts)
				})
			}
		}
	}
}

// layer is a recurrent layer over a batch, with the memory of the device.
type layer struct {
	kernel.Recurrent
	name             string
	directions       int
	tokens           int
	gateCount, width int // gates, and their elements
	order            SequenceOrder
	weights, biases  [2]any // of the states
}

func testRecurrent(t *testing.T, name string, directions, input, hidden int, starts []int32) {
	cpu := newCPU(t)
	l := layer{
		Recurrent: kernel.Recurrent{Cell: recurrentCells[name], Input: input, Hidden: hidden, Starts: starts},
		name:      name, directions: directions, tokens: int(starts[len(starts)-1]),
	}
	l.gateCount = l.Cell.Gates()
	l.width = l.gateCount * hidden
	l.order.Sort(starts)
	var want kernel.RecurrentGradient
	for d := range directions {
		seed := uint64(10 * d)
		w := kernel.RecurrentWeights{
			WeightIH: random(seed+1, l.width*input), WeightHH: shrunk(random(seed+2, l.width*hidden), hidden),
			BiasIH: random(seed+3, l.width), BiasHH: random(seed+4, l.width),
		}
		l.Weights = append(l.Weights, w)
		l.weights[d] = w.WeightHH
		if l.Cell == kernel.GRUCell {
			l.biases[d] = w.BiasHH[2*hidden:]
		}
		output := func(n int) kernel.Output { return kernel.Output{To: unset(n)} }
		want.DWeights = append(want.DWeights, kernel.RecurrentWeightGradients{
			WeightIH: output(l.width * input), WeightHH: output(l.width * hidden), BiasIH: output(l.width), BiasHH: output(l.width),
		})
	}
	l.X, l.Y = random(5, l.tokens*input), unset(l.tokens*directions*hidden)
	l.Saved = unset(kernel.RecurrentSaved(l.Cell, l.tokens, directions*hidden))
	l.Scratch = make([]float32, l.ScratchSize())
	cpu.RecurrentForward(&l.Recurrent)
	want.Recurrent, want.DY, want.DX.To = l.Recurrent, random(6, l.tokens*directions*hidden), unset(l.tokens*input)
	want.Scratch = make([]float32, want.ScratchSize())
	cpu.RecurrentBackward(&want)

	y, gates, extra := l.forward(t)
	compareWithin(t, "y", y, doubles(l.Y), 2e-6)
	dgates, dextra := l.backward(t, want.DY, y, gates, extra)
	l.compareGradients(t, &want, y, dgates, dextra)
}

// shrunk are weights that keep a state from growing.
func shrunk(x []float32, size int) []float32 {
	for i := range x {
		x[i] /= float32(size)
	}
	return x
}

// forward computes y, and what the gradient needs.
func (l *layer) forward(t *testing.T) (y, gates, extra []float32) {
	t.Helper()
	shared := l.gateCount
	if l.Cell == kernel.GRUCell {
		shared = 2
	}
	y = unset(l.tokens * l.directions * l.Hidden)
	for d, w := range l.Weights {
		bias := slices.Clone(w.BiasIH)
		n := shared * l.Hidden
		launch(t, "add_float", flatGrid(n), bias[:n], w.BiasIH[:n], w.BiasHH[:n], n)
		a := unset(l.tokens * l.width)
		launch(t, "product_float", grid{ceilDivide(l.width, 64), ceilDivide(l.tokens, 64)}, a, l.X, w.WeightIH, bias,
			l.tokens, l.width, l.Input, l.width, l.Input, l.Input, false, true, false)
		gates = append(gates, a...)
		if l.Cell == kernel.TanhCell {
			stride := l.directions * l.Hidden
			for token := range l.tokens {
				copy(y[token*stride+d*l.Hidden:], a[token*l.Hidden:(token+1)*l.Hidden])
			}
		}
	}
	extra = unset(l.directions * l.tokens * l.Hidden)
	for step, alive := range l.order.Alive {
		arguments := []any{y}
		if l.Cell != kernel.TanhCell {
			arguments = append(arguments, gates, extra)
		}
		arguments = append(arguments, l.weights[0], l.weights[1])
		if l.Cell == kernel.GRUCell {
			arguments = append(arguments, l.biases[0], l.biases[1])
		}
		launch(t, "recurrent_"+l.name+"_float", l.grid(int(alive)), append(arguments, l.step(step)...)...)
	}
	return y, gates, extra
}

func (l *layer) grid(alive int) grid {
	return grid{ceilDivide(l.Hidden, 8), ceilDivide(alive, 32), l.directions}
}

// step are the arguments that all kernels of steps have.
func (l *layer) step(step int) []any {
	return []any{l.Starts, l.order.Sequences, int(l.order.Alive[step]), l.tokens, l.Hidden, l.directions, step}
}

// backward computes the gradients of the gates.
func (l *layer) backward(t *testing.T, dy, y, gates, extra []float32) (dgates, dextra []float32) {
	t.Helper()
	sequences := len(l.Starts) - 1
	dgates, dextra = unset(l.directions*l.tokens*l.width), unset(l.directions*l.tokens*l.Hidden)
	carry, carried := unset(l.directions*sequences*l.Hidden), 0
	for step := len(l.order.Alive) - 1; step >= 0; step-- {
		var arguments []any
		switch l.Cell {
		case kernel.TanhCell:
			arguments = append([]any{dgates, dy, y, l.weights[0], l.weights[1]}, l.step(step)...)
		case kernel.LSTMCell:
			arguments = append([]any{dgates, carry, dy, gates, extra, l.weights[0], l.weights[1]}, l.step(step)...)
			arguments = append(arguments, sequences)
		default:
			arguments = append([]any{dgates, dextra, carry, dy, y, gates, extra, l.weights[0], l.weights[1]}, l.step(step)...)
			arguments = append(arguments, sequences)
		}
		alive := int(l.order.Alive[step])
		launch(t, "recurrent_"+l.name+"_gradient_float", l.grid(alive), append(arguments, carried)...)
		carried = alive
	}
	return dgates, dextra
}

// compareGradients makes the gradients of x and of the parameters from those of the gates.
func (l *layer) compareGradients(t *testing.T, want *kernel.RecurrentGradient, y, dgates, dextra []float32) {
	t.Helper()
	h, dx := l.Hidden, unset(l.tokens*l.Input)
	product := func(c, a, b []float32, m, n, k, strideA int, transposeA bool, accumulate bool) {
		launch(t, "product_float", grid{ceilDivide(n, 64), ceilDivide(m, 64)}, c, a, b, nil, m, n, k, n, strideA, n, transposeA, false, accumulate)
	}
	for d, w := range want.DWeights {
		ds := dgates[d*l.tokens*l.width:][:l.tokens*l.width]
		before, dWeightIH, dWeightHH := unset(l.tokens*h), unset(l.width*l.Input), unset(l.width*h)
		launch(t, "recurrent_before_float", cellGrid(l.tokens, h), before, y, l.Starts, len(l.Starts)-1, l.tokens, h, l.directions, d)
		product(dx, ds, l.Weights[d].WeightIH, l.tokens, l.Input, l.width, l.width, false, d > 0)
		product(dWeightIH, ds, l.X, l.width, l.Input, l.tokens, l.width, true, false)
		product(dWeightHH, ds, before, l.width, h, l.tokens, l.width, true, false)
		dBiasIH, dBiasHH := unset(l.width), unset(l.width)
		columnSums(t, dBiasIH, ds, l.tokens, l.width, l.width, false)
		copy(dBiasHH, dBiasIH)
		if l.Cell == kernel.GRUCell {
			dn := dextra[d*l.tokens*h:][:l.tokens*h]
			product(dWeightHH[2*h*h:], dn, before, h, h, l.tokens, h, true, false)
			columnSums(t, dBiasHH[2*h:], dn, l.tokens, h, h, false)
		}
		compareWithin(t, "gradient of the input's weights", dWeightIH, doubles(w.WeightIH.To), 3e-5)
		compareWithin(t, "gradient of the state's weights", dWeightHH, doubles(w.WeightHH.To), 3e-5)
		compareWithin(t, "gradient of the input's bias", dBiasIH, doubles(w.BiasIH.To), 3e-5)
		compareWithin(t, "gradient of the state's bias", dBiasHH, doubles(w.BiasHH.To), 3e-5)
	}
	compareWithin(t, "gradient of x", dx, doubles(want.DX.To), 3e-5)
}
