//go:build gpu

package kernels

import (
	"bytes"
	"fmt"
	"math"
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
		for _, bfloat16 := range []bool{false, true} {
			for _, directions := range []int{1, 2} {
				for _, c := range []struct {
					starts        []int32
					input, hidden int
				}{
					{[]int32{0, 0, 2, 9}, 2, 137}, {many, 5, 8}, {raggedStarts[0], 4, 3}, {raggedStarts[0], 3, 20},
					{many, 3, 32}, {[]int32{0, 3, 3, 5}, 2, 288}, {[]int32{0, 1, 3}, 1, 544}, {[]int32{0, 1, 3}, 1, 800},
				} {
					if !bfloat16 && c.hidden > 137 || testing.Short() && c.hidden > 300 {
						continue
					}
					t.Run(fmt.Sprintf("%s, bf16 %v, %d directions, %d units, %d sequences", name, bfloat16, directions, c.hidden, len(c.starts)-1), func(t *testing.T) {
						testRecurrent(t, name, bfloat16, directions, c.input, c.hidden, c.starts)
					})
				}
			}
		}
	}
}

// layer is a recurrent layer over a batch.
type layer struct {
	kernel.Recurrent
	name             string
	bfloat16         bool
	tile             RecurrentTile
	directions       int
	tokens           int
	gateCount, width int // gates, and their elements
	order            SequenceOrder
	weights          [2]any // of the states
	biases           []any  // input and state of each direction
}

func testRecurrent(t *testing.T, name string, bfloat16 bool, directions, input, hidden int, starts []int32) {
	cpu := newCPU(t)
	l := layer{
		Recurrent: kernel.Recurrent{Cell: recurrentCells[name], Input: input, Hidden: hidden, Starts: starts},
		name:      name, bfloat16: bfloat16, tile: RecurrentFloat, directions: directions, tokens: int(starts[len(starts)-1]),
	}
	y, gradient := 2e-6, 3e-5
	if bfloat16 {
		l.tile, y, gradient = RecurrentBFloat16, 8e-3, 2e-2
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
		if bfloat16 {
			w.WeightHH = wholes(halves(w.WeightHH))
		}
		l.Weights = append(l.Weights, w)
		l.weights[d] = l.stored(w.WeightHH)
		l.biases = append(l.biases, w.BiasIH, w.BiasHH)
		output := func(n int) kernel.Output { return kernel.Output{To: kernel.Floats(unset(n))} }
		want.DWeights = append(want.DWeights, kernel.RecurrentWeightGradients{
			WeightIH: output(l.width * input), WeightHH: output(l.width * hidden), BiasIH: output(l.width), BiasHH: output(l.width),
		})
	}
	if directions == 1 {
		l.biases = append(l.biases, nil, nil)
	}
	l.X, l.Y = kernel.Floats(random(5, l.tokens*input)), kernel.Floats(unset(l.tokens*directions*hidden))
	l.Saved = kernel.Floats(unset(kernel.RecurrentSaved(l.Cell, l.tokens, directions*hidden)))
	l.Scratch = make([]float32, l.ScratchSize(cpu))
	cpu.RecurrentForward(&l.Recurrent)
	dy := random(6, l.tokens*directions*hidden)
	if bfloat16 {
		dy = wholes(halves(dy))
	}
	want.Recurrent, want.DY, want.DX.To = l.Recurrent, kernel.Floats(dy), kernel.Floats(unset(l.tokens*input))
	want.Scratch = make([]float32, want.ScratchSize(cpu))
	cpu.RecurrentBackward(&want)

	most := directions * ceilDivide(hidden, l.tile.Units) // blocks: one group of rows of all directions
	plans := []int{2 * most, most, 0}
	if directions == 2 {
		plans = append(plans, most/2)
	}
	var computed recurrentResult
	for i, blocks := range plans {
		if blocks > 32 && !*onGPU { // the stand-in has so many multiprocessors
			continue
		}
		r := l.forward(t, blocks)
		l.backward(t, &r, dy, blocks)
		if i > 0 && computed.y != nil {
			computed.requireSame(t, &r, blocks)
		}
		computed = r
	}
	compareWithin(t, "y", l.numbers(computed.y), doubles(l.Y.Floats), y)
	l.compareGradients(t, &want, &computed, gradient)
}

// recurrentResult is what a layer and its gradient give: arrays of either type.
type recurrentResult struct {
	y, dgates, dextra any
	gates, extra      []float32
}

// requireSame requires the same bits of another way to launch the layer.
func (r *recurrentResult) requireSame(t *testing.T, other *recurrentResult, blocks int) {
	t.Helper()
	for _, pair := range [][2]any{{r.y, other.y}, {r.gates, other.gates}, {r.extra, other.extra}, {r.dgates, other.dgates}, {r.dextra, other.dextra}} {
		if !bytes.Equal(asBytes(pair[0]), asBytes(pair[1])) {
			t.Errorf("other bits with %d blocks at the same time", blocks)
		}
	}
}

// shrunk are weights that keep a state from growing.
func shrunk(x []float32, size int) []float32 {
	for i := range x {
		x[i] /= float32(size)
	}
	return x
}

// stored are numbers as activations are stored.
func (l *layer) stored(x []float32) any {
	if l.bfloat16 {
		return halves(x)
	}
	return x
}

func (l *layer) numbers(x any) []float32 {
	if h, ok := x.([]uint16); ok {
		return wholes(h)
	}
	return x.([]float32)
}

// kernel is the kernel of the layer, or of its gradient.
func (l *layer) kernel(stem string) string {
	if l.bfloat16 {
		return RecurrentKernel(l.name+stem, l.Hidden)
	}
	return "recurrent_" + l.name + stem + "_float"
}

// launch computes the layer with so many blocks at the same time.
func (l *layer) launch(t *testing.T, stem string, blocks int, outputs func(arrived []int32) []any) {
	t.Helper()
	for p := range RecurrentLaunches(&l.order, l.tile, l.Hidden, l.directions, blocks, stem != "") {
		arguments := outputs(make([]int32, l.directions*p.Grid[1]))
		arguments = append(arguments, l.Starts, l.order.Sequences[p.Row:], p.Rows, len(l.Starts)-1, l.tokens, l.Hidden,
			l.directions, p.Direction, p.Begin, p.End)
		run := launch
		if p.Together {
			run = launchTogether
		}
		run(t, l.kernel(stem), p.Grid[:], arguments...)
	}
}

// forward computes y, and what the gradient needs.
func (l *layer) forward(t *testing.T, blocks int) (r recurrentResult) {
	t.Helper()
	r.y = l.stored(unset(l.tokens * l.directions * l.Hidden))
	for _, w := range l.Weights {
		a := unset(l.tokens * l.width)
		launch(t, "product_float", grid{ceilDivide(l.width, 64), ceilDivide(l.tokens, 64)}, a, l.X.Floats, w.WeightIH, nil,
			l.tokens, l.width, l.Input, l.width, l.Input, l.Input, false, true, false)
		r.gates = append(r.gates, a...)
	}
	r.extra = unset(l.directions * l.tokens * l.Hidden)
	carry := unset(l.directions * (len(l.Starts) - 1) * l.Hidden)
	l.launch(t, "", blocks, func(arrived []int32) []any {
		arguments := []any{r.y, r.gates}
		if l.Cell != kernel.TanhCell {
			arguments = append(arguments, r.extra)
		}
		if l.Cell == kernel.GRUCell {
			arguments = append(arguments, carry)
		}
		return append(append(arguments, arrived, l.weights[0], l.weights[1]), l.biases...)
	})
	return r
}

// backward computes the gradients of the gates.
func (l *layer) backward(t *testing.T, r *recurrentResult, gradient []float32, blocks int) {
	t.Helper()
	dy := l.stored(gradient)
	r.dgates, r.dextra = l.stored(unset(l.directions*l.tokens*l.width)), l.stored(unset(l.directions*l.tokens*l.Hidden))
	carry := unset(l.directions * (len(l.Starts) - 1) * l.Hidden)
	l.launch(t, "_gradient", blocks, func(arrived []int32) []any {
		switch l.Cell {
		case kernel.TanhCell:
			return []any{r.dgates, arrived, dy, r.y, l.weights[0], l.weights[1]}
		case kernel.LSTMCell:
			return []any{r.dgates, carry, arrived, dy, r.gates, r.extra, l.weights[0], l.weights[1]}
		}
		return []any{r.dgates, r.dextra, carry, arrived, dy, r.y, r.gates, r.extra, l.weights[0], l.weights[1]}
	})
}

// compareGradients makes the gradients of x and of the parameters from those of the gates.
func (l *layer) compareGradients(t *testing.T, want *kernel.RecurrentGradient, r *recurrentResult, tolerance float64) {
	t.Helper()
	h, dx, dgates, dextra := l.Hidden, unset(l.tokens*l.Input), l.numbers(r.dgates), l.numbers(r.dextra)
	product := func(c, a, b []float32, m, n, k, strideA int, transposeA bool, accumulate bool) {
		launch(t, "product_float", grid{ceilDivide(n, 64), ceilDivide(m, 64)}, c, a, b, nil, m, n, k, n, strideA, n, transposeA, false, accumulate)
	}
	compare := func(what string, got []float32, want []float32) {
		distance := tolerance
		if l.bfloat16 {
			largest := 1.0
			for _, w := range want {
				largest = max(largest, math.Abs(float64(w)))
			}
			distance *= largest
		}
		compareWithin(t, what, got, doubles(want), distance)
	}
	for d, w := range want.DWeights {
		ds := dgates[d*l.tokens*l.width:][:l.tokens*l.width]
		before := l.stored(unset(l.tokens * h))
		dWeightIH, dWeightHH := unset(l.width*l.Input), unset(l.width*h)
		name, group := "recurrent_before_float", 4
		if l.bfloat16 {
			name, group = "recurrent_before_bf16", 8
		}
		launch(t, name, grid{ceilDivide(l.tokens*ceilDivide(h, group), 256)}, before, r.y, l.Starts, len(l.Starts)-1, l.tokens, h, l.directions, d)
		product(dx, ds, l.Weights[d].WeightIH, l.tokens, l.Input, l.width, l.width, false, d > 0)
		product(dWeightIH, ds, l.X.Floats, l.width, l.Input, l.tokens, l.width, true, false)
		product(dWeightHH, ds, l.numbers(before), l.width, h, l.tokens, l.width, true, false)
		dBiasIH, dBiasHH := unset(l.width), unset(l.width)
		columnSums(t, dBiasIH, ds, l.tokens, l.width, l.width, false)
		copy(dBiasHH, dBiasIH)
		if l.Cell == kernel.GRUCell {
			dn := dextra[d*l.tokens*h:][:l.tokens*h]
			product(dWeightHH[2*h*h:], dn, l.numbers(before), h, h, l.tokens, h, true, false)
			columnSums(t, dBiasHH[2*h:], dn, l.tokens, h, h, false)
		}
		compare("gradient of the input's weights", dWeightIH, w.WeightIH.To.Floats)
		compare("gradient of the state's weights", dWeightHH, w.WeightHH.To.Floats)
		compare("gradient of the input's bias", dBiasIH, w.BiasIH.To.Floats)
		compare("gradient of the state's bias", dBiasHH, w.BiasHH.To.Floats)
	}
	compare("gradient of x", dx, want.DX.To.Floats)
}
