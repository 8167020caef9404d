package cpu

import (
	"uer/internal/graph"
	"uer/internal/kernel"
	"uer/internal/op"
)

// sharedWeight holds a weight W [out, in] that is packed once for several products, in the layouts that they read: those of
// layers that share it, in each run anew, or those of many runs, each of so few rows that packing would take longer than the
// product.
type sharedWeight struct {
	forward, backward packedWeight // Wᵀ of y = x Wᵀ, W of dx = dy W
	lasting           bool         // until the parameters change
	version           int          // of the parameters that were packed
}

// fewRows is the most rows of a product whose weight stays packed.
const fewRows = 8

// packedWeight is a packed matrix and its memory. It is valid once the current run has packed it.
type packedWeight struct {
	memory []float32
	packed kernel.Packed
	valid  bool
}

// shareWeights finds the weights of several layers, and those of products of few rows, and gives their operands memory for
// packing. A layer whose forward pass occurs twice, to save memory, is one layer.
func (d *Device) shareWeights(program *graph.Program, operands []operand) []*sharedWeight {
	layers, gradients := make([]int, len(program.Values)), make([]int, len(program.Values))
	rows := make([]int, len(program.Values)) // of the largest product
	for _, instruction := range program.Instructions {
		switch o := instruction.Op.(type) {
		case op.Linear:
			l := op.LinearInputsOf(o, instruction.In)
			rows[l.Weight] = max(rows[l.Weight], program.Values[l.X].Shape[0])
			if !instruction.Recomputed {
				layers[l.Weight]++
			}
		case op.LinearGradient:
			gradients[op.LinearGradientInputsOf(o, instruction.In).Weight]++
		}
	}
	var weights []*sharedWeight
	for i, v := range program.Values {
		lasting := layers[i] > 0 && gradients[i] == 0 && rows[i] <= fewRows
		if layers[i] < 2 && !lasting || v.Place != graph.InParameters {
			continue
		}
		out, in := v.Shape[0], v.Shape[1]
		w := &sharedWeight{lasting: lasting, forward: packedWeight{memory: kernel.Allocate(d.kernel.PackedSize(in, out, d.precision))}}
		if gradients[i] > 0 {
			w.backward.memory = kernel.Allocate(d.kernel.PackedSize(out, in, d.precision))
		}
		operands[i].shared = w
		weights = append(weights, w)
	}
	return weights
}

// invalidate makes the next run pack the weight again, unless the parameters are known to be those that were packed.
func (w *sharedWeight) invalidate(version int) {
	if w.lasting && w.version == version {
		return
	}
	w.forward.valid, w.backward.valid, w.version = false, false, version
}

// writesParameters reports whether a program changes parameters.
func writesParameters(program *graph.Program) bool {
	for _, instruction := range program.Instructions {
		for _, v := range instruction.Out {
			if v != graph.None && program.Values[v].Place == graph.InParameters {
				return true
			}
		}
	}
	return false
}

// size returns the number of elements of the packed copies.
func (w *sharedWeight) size() int { return len(w.forward.memory) + len(w.backward.memory) }

// packedForward returns a weight [out, in] packed for x Wᵀ, or nil if it is not shared.
func (o operand) packedForward(d *Device) *kernel.Packed {
	if o.shared == nil {
		return nil
	}
	return o.shared.forward.pack(d, o.Floats, o.Shape[1], o.Shape[0], true)
}

// packedBackward returns a weight [out, in] packed for dy W, or nil if it is not shared.
func (o operand) packedBackward(d *Device) *kernel.Packed {
	if o.shared == nil {
		return nil
	}
	return o.shared.backward.pack(d, o.Floats, o.Shape[0], o.Shape[1], false)
}

// pack packs the matrix [k, n], or [n, k] if transpose, unless the current run has done so already.
func (p *packedWeight) pack(d *Device, weight []float32, k, n int, transpose bool) *kernel.Packed {
	if !p.valid {
		p.packed, p.valid = d.kernel.Pack(p.memory, kernel.Floats(weight), 0, k, n, transpose, d.precision), true
	}
	return &p.packed
}
