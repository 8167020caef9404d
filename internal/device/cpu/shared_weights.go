package cpu

import (
	"uer/internal/graph"
	"uer/internal/kernel"
	"uer/internal/op"
)

// sharedWeights are the weights of linear maps that several layers share, by their first element, in the layout in which
// products read them. A run packs a weight when the first layer needs it; the other layers find it packed.
type sharedWeights map[*float32]*sharedWeight

// sharedWeight is the packed forms of a weight W [out, in].
type sharedWeight struct {
	forward, backward packedWeight // Wᵀ of y = x Wᵀ, W of dx = dy W
}

// packedWeight is memory for a packed matrix and the matrix, if the present run has packed it.
type packedWeight struct {
	memory []float32
	packed kernel.Packed
	valid  bool
}

// newSharedWeights finds the weights for which several instructions compute a gradient. Layers whose forward pass is
// repeated, to save memory, do not count twice.
func newSharedWeights(c *CPU, program *graph.Program, parameters []float32) sharedWeights {
	uses := make([]int, len(program.Values))
	for _, instruction := range program.Instructions {
		if _, ok := instruction.Op.(op.LinearGradient); ok {
			uses[instruction.In[1]]++
		}
	}
	weights := sharedWeights{}
	for i, v := range program.Values {
		if uses[i] > 1 && v.Place == graph.InParameters {
			out, in := v.Shape[0], v.Shape[1]
			weights[&parameters[v.Offset]] = &sharedWeight{
				forward:  packedWeight{memory: kernel.Allocate(c.kernel.PackedSize(in, out, c.Precision))},
				backward: packedWeight{memory: kernel.Allocate(c.kernel.PackedSize(out, in, c.Precision))},
			}
		}
	}
	return weights
}

// forget makes the coming run pack all weights again: the parameters have changed.
func (s sharedWeights) forget() {
	for _, w := range s {
		w.forward.valid, w.backward.valid = false, false
	}
}

// size is the number of elements of all packed forms.
func (s sharedWeights) size() int {
	n := 0
	for _, w := range s {
		n += len(w.forward.memory) + len(w.backward.memory)
	}
	return n
}

// forward is a weight [out, in] as x Wᵀ reads it, or nil if layers do not share it.
func (s sharedWeights) forward(c *CPU, weight graph.Buffer) *kernel.Packed {
	if w := s[&weight.Floats[0]]; w != nil {
		return w.forward.pack(c, weight.Floats, weight.Shape[1], weight.Shape[0], true)
	}
	return nil
}

// backward is a weight [out, in] as dy W reads it, or nil if layers do not share it.
func (s sharedWeights) backward(c *CPU, weight graph.Buffer) *kernel.Packed {
	if w := s[&weight.Floats[0]]; w != nil {
		return w.backward.pack(c, weight.Floats, weight.Shape[0], weight.Shape[1], false)
	}
	return nil
}

// pack packs the matrix [k, n], or [n, k] if transpose, unless the present run has done so.
func (p *packedWeight) pack(c *CPU, weight []float32, k, n int, transpose bool) *kernel.Packed {
	if !p.valid {
		p.packed, p.valid = c.kernel.Pack(p.memory, weight, 0, k, n, transpose, c.Precision), true
	}
	return &p.packed
}
