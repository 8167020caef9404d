package cpu

import (
	"uer/internal/device"
	"uer/internal/graph"
	"uer/internal/kernel"
	"uer/internal/op"
)

func recurrentKernel(d *Device, o op.Recurrent) compute {
	return func(_ *device.Run, out, in []operand, _ []bool) {
		r := recurrent(o, in, d.precision)
		tokens, sequences := in[0].Shape[0], len(r.Starts)-1
		scratch := d.floats(kernel.RecurrentScratch(&r, tokens, sequences, false))
		d.kernel.RecurrentForward(&r, out[0].Floats, out[1].Floats, in[0].Floats, scratch)
	}
}

func recurrentGradientKernel(d *Device, o op.RecurrentGradient) compute {
	return func(_ *device.Run, out, in []operand, accumulate []bool) {
		y, saved, dy, x := in[0].Floats, in[1].Floats, in[2].Floats, in[3]
		r := recurrent(op.Recurrent(o), in[3:], d.precision)
		tokens, sequences := x.Shape[0], len(r.Starts)-1
		g := kernel.RecurrentGradients{X: out[0].Floats, AccumulateX: accumulate[0]}
		for i := 1; i < len(out); i += op.RecurrentWeights {
			add := accumulate[i:]
			g.Weights = append(g.Weights, recurrentWeights(out[i:]))
			g.Accumulate = append(g.Accumulate, kernel.RecurrentAccumulate{
				WeightIH: add[0], WeightHH: add[1], BiasIH: add[2], BiasHH: add[3],
			})
		}
		scratch := d.floats(kernel.RecurrentScratch(&r, tokens, sequences, true))
		d.kernel.RecurrentBackward(&r, &g, dy, y, saved, x.Floats, scratch)
	}
}

// recurrent describes the layer over the present batch. The inputs are those of op.Recurrent.
func recurrent(o op.Recurrent, in []operand, precision kernel.Precision) kernel.Recurrent {
	weights, starts := in[1:len(in)-1], in[len(in)-1]
	r := kernel.Recurrent{
		Cell: cells[o.Cell], Input: weights[0].Shape[1], Hidden: weights[1].Shape[1], Starts: starts.Integers, Apart: o.SplitInput, Precision: precision,
	}
	for ; len(weights) > 0; weights = weights[op.RecurrentWeights:] {
		r.Weights = append(r.Weights, recurrentWeights(weights))
	}
	return r
}

// recurrentWeights are the buffers of one direction, in the order of op.Recurrent.
func recurrentWeights(b []operand) kernel.RecurrentWeights {
	return kernel.RecurrentWeights{WeightIH: b[0].Floats, WeightHH: b[1].Floats, BiasIH: b[2].Floats, BiasHH: b[3].Floats}
}

// recurrentSaved is the size of what the kernel saves, for the inputs of op.Recurrent.
func recurrentSaved(o op.Recurrent, in []graph.Shape) int {
	hidden := in[2][1]
	return kernel.RecurrentSaved(cells[o.Cell], in[0][0], o.Directions*hidden)
}
