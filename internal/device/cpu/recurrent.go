package cpu

import (
	"uer/internal/device"
	"uer/internal/graph"
	"uer/internal/kernel"
	"uer/internal/op"
)

func recurrentKernel(d *Device, o op.Recurrent) compute {
	var r kernel.Recurrent
	return func(_ *device.Run, out, in []operand, _ []bool) {
		r = recurrent(o, in, r.Weights[:0], d.precision)
		r.Y, r.Saved = out[0].Array, savedIn(d, out[1])
		r.Scratch = d.floats(r.ScratchSize(d.kernel))
		d.kernel.RecurrentForward(&r)
	}
}

func recurrentFromKernel(d *Device, o op.RecurrentFrom) compute {
	var r kernel.Recurrent
	return func(_ *device.Run, out, in []operand, _ []bool) {
		last := len(in) - 1
		r = recurrent(op.Recurrent{Cell: o.Cell}, in[:last], r.Weights[:0], d.precision)
		copy(out[1].Floats, in[last].Floats) // one place, where a program keeps the state
		r.State, r.Y, r.Saved = out[1].Floats, out[0].Array, savedIn(d, out[2])
		r.Scratch = d.floats(r.ScratchSize(d.kernel))
		d.kernel.RecurrentForward(&r)
	}
}

func recurrentGradientKernel(d *Device, o op.RecurrentGradient) compute {
	var g kernel.RecurrentGradient
	return func(_ *device.Run, out, in []operand, accumulate []bool) {
		g.Recurrent = recurrent(op.Recurrent(o), in[3:], g.Weights[:0], d.precision)
		g.Y, g.Saved, g.DY, g.DX = in[0].Array, savedIn(d, in[1]), in[2].Array, out[0].output(accumulate[0])
		g.DWeights = g.DWeights[:0]
		for i := 1; i < len(out); i += op.RecurrentWeights {
			to, add := out[i:], accumulate[i:]
			g.DWeights = append(g.DWeights, kernel.RecurrentWeightGradients{
				WeightIH: to[0].output(add[0]), WeightHH: to[1].output(add[1]),
				BiasIH: to[2].output(add[2]), BiasHH: to[3].output(add[3]),
			})
		}
		g.Scratch = d.floats(g.ScratchSize(d.kernel))
		d.kernel.RecurrentBackward(&g)
	}
}

// recurrent describes the layer over the current batch, without its outputs. The inputs are those of op.Recurrent. The
// list of weights reuses the memory of the given one.
func recurrent(o op.Recurrent, in []operand, weights []kernel.RecurrentWeights, precision kernel.Precision) kernel.Recurrent {
	parameters, starts := in[1:len(in)-1], in[len(in)-1]
	r := kernel.Recurrent{
		Cell: cells[o.Cell], Input: parameters[0].Shape[1], Hidden: parameters[1].Shape[1], Starts: starts.Integers,
		SplitInput: o.SplitInput, Precision: precision, Weights: weights, X: in[0].Array,
	}
	for ; len(parameters) > 0; parameters = parameters[op.RecurrentWeights:] {
		r.Weights = append(r.Weights, recurrentWeights(parameters))
	}
	return r
}

// recurrentWeights returns the weights of one direction from the inputs of op.Recurrent.
func recurrentWeights(b []operand) kernel.RecurrentWeights {
	return kernel.RecurrentWeights{WeightIH: b[0].Floats, WeightHH: b[1].Floats, BiasIH: b[2].Floats, BiasHH: b[3].Floats}
}

// recurrentSaved returns the number of elements that the kernel saves, given the inputs of op.Recurrent: what is saved is
// exact to the program, but here the float32s of memory hold numbers that are stored as activations are.
func recurrentSaved(d *Device, o op.Recurrent, in []graph.Shape) int {
	hidden := in[2][1]
	return d.storedSize(kernel.RecurrentSaved(cells[o.Cell], in[0][0], o.Directions*hidden))
}

// savedIn is what recurrentSaved has made room for.
func savedIn(d *Device, o operand) kernel.Array {
	n := o.Len()
	if d.Activations() == graph.BFloat16 {
		n *= 2
	}
	return d.stored(o.Floats, n)
}

func recurrentScratch(d *Device, o op.Recurrent, in []graph.Shape) int {
	r := recurrentOf(d, o, in)
	return r.ScratchSize(d.kernel)
}

func recurrentFromScratch(d *Device, o op.RecurrentFrom, in []graph.Shape) int {
	return recurrentScratch(d, op.Recurrent{Cell: o.Cell, Directions: 1}, in[:len(in)-1])
}

func recurrentFromSaved(d *Device, o op.RecurrentFrom, in []graph.Shape) int {
	return recurrentSaved(d, op.Recurrent{Cell: o.Cell, Directions: 1}, in)
}

func recurrentGradientScratch(d *Device, o op.RecurrentGradient, in []graph.Shape) int {
	g := kernel.RecurrentGradient{Recurrent: recurrentOf(d, op.Recurrent(o), in[3:])}
	return g.ScratchSize(d.kernel)
}

// recurrentOf describes a layer by the shapes of its inputs.
func recurrentOf(d *Device, o op.Recurrent, in []graph.Shape) kernel.Recurrent {
	starts := make([]int32, in[len(in)-1].Elements())
	starts[len(starts)-1] = int32(in[0][0])
	return kernel.Recurrent{
		Cell: cells[o.Cell], Input: in[1][1], Hidden: in[2][1], Starts: starts, Precision: d.precision,
		Weights: make([]kernel.RecurrentWeights, o.Directions), SplitInput: o.SplitInput, Y: d.stored(nil, 0),
	}
}
