package cpu

import (
	"uer/internal/graph"
	"uer/internal/kernel"
	"uer/internal/op"
)

// sharedWeight holds a weight W [out, in] that several linear layers share, packed in the layouts that matrix products
// read. In each run the first layer that needs it packs it, and the others reuse that.
type sharedWeight struct {
	forward, backward packedWeight // Wᵀ of y = x Wᵀ, W of dx = dy W
}

// packedWeight is a packed matrix and its memory. It is valid once the current run has packed it.
type packedWeight struct {
	memory []float32
	packed kernel.Packed
	valid  bool
}

// shareWeights finds the weights of several layers and gives their operands memory for packing. A layer whose forward pass
// occurs twice, to save memory, is one layer.
func (d *Device) shareWeights(program *graph.Program, operands []operand) []*sharedWeight {
	layers, gradients := make([]int, len(program.Values)), make([]int, len(program.Values))
	for _, instruction := range program.Instructions {
		switch o := instruction.Op.(type) {
		case op.Linear:
			if !instruction.Recomputed {
				layers[op.LinearInputsOf(o, instruction.In).Weight]++
			}
		case op.LinearGradient:
			gradients[op.LinearGradientInputsOf(o, instruction.In).Weight]++
		}
	}
	var weights []*sharedWeight
	for i, v := range program.Values {
		if layers[i] < 2 || v.Place != graph.InParameters {
			continue
		}
		out, in := v.Shape[0], v.Shape[1]
		w := &sharedWeight{forward: packedWeight{memory: kernel.Allocate(d.kernel.PackedSize(in, out, d.precision))}}
		if gradients[i] > 0 {
			w.backward.memory = kernel.Allocate(d.kernel.PackedSize(out, in, d.precision))
		}
		operands[i].shared = w
		weights = append(weights, w)
	}
	return weights
}

// invalidate makes the next run pack the weight again, as the parameters may have changed.
func (w *sharedWeight) invalidate() { w.forward.valid, w.backward.valid = false, false }

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
		p.packed, p.valid = d.kernel.Pack(p.memory, weight, 0, k, n, transpose, d.precision), true
	}
	return &p.packed
}
