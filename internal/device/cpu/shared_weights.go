package cpu

import (
	"uer/internal/graph"
	"uer/internal/kernel"
	"uer/internal/op"
)

// sharedWeight is a weight W [out, in] of linear maps that several layers share, in the layouts in which products read it.
// A run packs it when the first layer needs it; the other layers find it packed.
type sharedWeight struct {
	forward, backward packedWeight // Wᵀ of y = x Wᵀ, W of dx = dy W
}

// packedWeight is memory for a packed matrix and the matrix, if the present run has packed it.
type packedWeight struct {
	memory []float32
	packed kernel.Packed
	valid  bool
}

// shareWeights finds the weights for which several instructions compute a gradient, and gives their operands packed forms.
// Layers whose forward pass is repeated, to save memory, do not count twice.
func (d *Device) shareWeights(program *graph.Program, operands []operand) []*sharedWeight {
	uses := make([]int, len(program.Values))
	for _, instruction := range program.Instructions {
		if o, ok := instruction.Op.(op.LinearGradient); ok {
			uses[op.LinearGradientInputsOf(o, instruction.In).Weight]++
		}
	}
	var weights []*sharedWeight
	for i, v := range program.Values {
		if uses[i] > 1 && v.Place == graph.InParameters {
			out, in := v.Shape[0], v.Shape[1]
			operands[i].shared = &sharedWeight{
				forward:  packedWeight{memory: kernel.Allocate(d.kernel.PackedSize(in, out, d.precision))},
				backward: packedWeight{memory: kernel.Allocate(d.kernel.PackedSize(out, in, d.precision))},
			}
			weights = append(weights, operands[i].shared)
		}
	}
	return weights
}

// invalidate makes the coming run pack the weight again: the parameters have changed.
func (w *sharedWeight) invalidate() { w.forward.valid, w.backward.valid = false, false }

// size is the number of elements of the packed forms.
func (w *sharedWeight) size() int { return len(w.forward.memory) + len(w.backward.memory) }

// packedForward is a weight [out, in] as x Wᵀ reads it, or nil if layers do not share it.
func (o operand) packedForward(d *Device) *kernel.Packed {
	if o.shared == nil {
		return nil
	}
	return o.shared.forward.pack(d, o.Floats, o.Shape[1], o.Shape[0], true)
}

// packedBackward is a weight [out, in] as dy W reads it, or nil if layers do not share it.
func (o operand) packedBackward(d *Device) *kernel.Packed {
	if o.shared == nil {
		return nil
	}
	return o.shared.backward.pack(d, o.Floats, o.Shape[0], o.Shape[1], false)
}

// pack packs the matrix [k, n], or [n, k] if transpose, unless the present run has done so.
func (p *packedWeight) pack(d *Device, weight []float32, k, n int, transpose bool) *kernel.Packed {
	if !p.valid {
		p.packed, p.valid = d.kernel.Pack(p.memory, weight, 0, k, n, transpose, d.precision), true
	}
	return &p.packed
}
