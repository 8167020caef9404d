package graph

import (
	"errors"
	"fmt"
	"hash"
	"hash/fnv"

	"github.com/chewxy/hm"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// operation is an Op as a node of Gorgonia's graph. With several outputs it is a tuple: its node has no value of its own,
// but its projections have.
type operation struct {
	Op
	builder     *Builder
	number      int // unique, as Gorgonia merges nodes whose operations have the same hash
	in          []Shape
	inTypes     []hm.Type
	outs        []Shape
	node        *Node
	projections map[int]*Node
	values      []gorgonia.Value // the outputs, when Gorgonia's machine runs the graph
	buffers     []Buffer         // the memory of values
}

// out returns the node of output i.
func (o *operation) out(i int) *Node {
	switch {
	case o == nil:
		return nil
	case !o.isTuple():
		return o.node
	case o.projections[i] == nil:
		n, err := gorgonia.ApplyOp(&projection{of: o, index: i}, o.node)
		if err != nil {
			o.builder.Fail(fmt.Errorf("%s: output %d: %w", o.Name(), i, err))
			return nil
		}
		o.projections[i] = n
	}
	return o.projections[i]
}

func (o *operation) isTuple() bool { return len(o.outs) > 1 }

// Arity implements gorgonia.Op, as do the methods below.
func (o *operation) Arity() int { return len(o.in) }

func (o *operation) Type() hm.Type {
	types := append([]hm.Type{}, o.inTypes...)
	if o.isTuple() {
		return hm.NewFnType(append(types, tupleType)...)
	}
	return hm.NewFnType(append(types, floatType(o.outs[0]))...)
}

func (o *operation) InferShape(...gorgonia.DimSizer) (tensor.Shape, error) {
	if o.isTuple() {
		return tensor.Shape{1}, nil
	}
	return tensorShape(o.outs[0]), nil
}

func (o *operation) ReturnsPtr() bool      { return true }
func (o *operation) CallsExtern() bool     { return false }
func (o *operation) OverwritesInput() int  { return -1 }
func (o *operation) WriteHash(h hash.Hash) { fmt.Fprint(h, o.String()) }
func (o *operation) Hashcode() uint32      { return hashcode(o) }
func (o *operation) String() string        { return fmt.Sprintf("%s#%d", o.Name(), o.number) }

// DiffWRT implements gorgonia.SDOp.
func (o *operation) DiffWRT(inputs int) []bool {
	if d, ok := o.Op.(Differentiable); ok {
		return d.HasGradient()
	}
	return make([]bool, inputs)
}

// SymDiff implements gorgonia.SDOp.
func (o *operation) SymDiff(in gorgonia.Nodes, _, dy *Node) (gorgonia.Nodes, error) {
	d, ok := o.Op.(Differentiable)
	if !ok {
		return nil, fmt.Errorf("%s has no gradient", o.Name())
	}
	grads := d.Grad(o.builder, in, o.out, dy)
	return grads, o.builder.err
}

// Do implements gorgonia.Op: it computes the operation with the builder's evaluator. The operation owns its outputs.
func (o *operation) Do(values ...gorgonia.Value) (gorgonia.Value, error) {
	if o.builder.evaluator == nil {
		return nil, errors.New("the graph has no evaluator")
	}
	if err := o.allocate(); err != nil {
		return nil, err
	}
	in := make([]Buffer, len(values))
	for i, v := range values {
		in[i] = bufferOf(v, o.in[i])
	}
	if err := o.builder.evaluator.Evaluate(o.Op, o.buffers, in); err != nil {
		return nil, err
	}
	if o.isTuple() {
		return o.values[0], nil
	}
	return o.value(0), nil
}

// allocate makes memory for the outputs, unless it was called before.
func (o *operation) allocate() error {
	if o.values != nil {
		return nil
	}
	for _, s := range o.outs {
		if s.IsSaved() {
			n, err := o.builder.evaluator.SavedSize(o.Op, o.in)
			if err != nil {
				return err
			}
			s = Shape{n}
		}
		data := make([]float32, s.Elements())
		o.buffers = append(o.buffers, Buffer{Shape: s, Floats: data})
		o.values = append(o.values, tensor.New(tensor.WithShape(atLeast1D(s)...), tensor.WithBacking(data)))
	}
	return nil
}

// value returns output i as Gorgonia expects it: a scalar is not a tensor there.
func (o *operation) value(i int) gorgonia.Value {
	if len(o.outs[i]) == 0 {
		return gorgonia.NewF32(o.buffers[i].Floats[0])
	}
	return o.values[i]
}

func bufferOf(v gorgonia.Value, s Shape) Buffer {
	switch data := v.Data().(type) {
	case []float32:
		return Buffer{Shape: s, Floats: data}
	case []int32:
		return Buffer{Shape: s, Integers: data}
	case float32:
		return Buffer{Shape: s, Floats: []float32{data}}
	}
	panic(fmt.Sprintf("graph: a value of type %T", v.Data()))
}

// projection is one output of an operation that has several. The gradient of output 0 is the gradient of the operation.
type projection struct {
	of    *operation
	index int
}

func (p *projection) Arity() int    { return 1 }
func (p *projection) Type() hm.Type { return hm.NewFnType(tupleType, floatType(p.of.outs[p.index])) }

func (p *projection) InferShape(...gorgonia.DimSizer) (tensor.Shape, error) {
	shape := p.of.outs[p.index]
	if shape.IsSaved() {
		shape = Shape{1} // Gorgonia needs a size, but nothing reads this one
	}
	return tensorShape(shape), nil
}

func (p *projection) Do(...gorgonia.Value) (gorgonia.Value, error) { return p.of.value(p.index), nil }
func (p *projection) ReturnsPtr() bool                             { return true }
func (p *projection) CallsExtern() bool                            { return false }
func (p *projection) OverwritesInput() int                         { return -1 }
func (p *projection) WriteHash(h hash.Hash)                        { fmt.Fprint(h, p.String()) }
func (p *projection) Hashcode() uint32                             { return hashcode(p) }
func (p *projection) String() string                               { return fmt.Sprintf("%v.%d", p.of, p.index) }
func (p *projection) DiffWRT(int) []bool                           { return []bool{p.index == 0} }

func (p *projection) SymDiff(_ gorgonia.Nodes, _, dy *Node) (gorgonia.Nodes, error) {
	return gorgonia.Nodes{dy}, nil
}

var tupleType = gorgonia.TensorType{Dims: 1, Of: tensor.Float32}

func floatType(s Shape) hm.Type {
	if len(s) == 0 {
		return tensor.Float32
	}
	return gorgonia.TensorType{Dims: len(s), Of: tensor.Float32}
}

func tensorShape(s Shape) tensor.Shape {
	if len(s) == 0 {
		return tensor.ScalarShape()
	}
	return tensor.Shape(s).Clone()
}

// atLeast1D returns the shape of a tensor that holds a value of shape s: a vector of one element for a scalar.
func atLeast1D(s Shape) Shape {
	if len(s) == 0 {
		return Shape{1}
	}
	return s
}

func hashcode(o gorgonia.Op) uint32 {
	h := fnv.New32a()
	o.WriteHash(h)
	return h.Sum32()
}
