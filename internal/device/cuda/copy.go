package cuda

import (
	"uer/internal/graph"
	"uer/internal/op"
)

func bindCopy(b *binder, _ graph.Copy) compute {
	kernel := b.copies(b.outTypes[0], b.inTypes[0])
	return func(r *run, out, in []operand, accumulate []bool) {
		n := out[0].Shape.Elements()
		r.launch(kernel, r.spans(n), at(out[0]), at(in[0]), elements(n), flag(accumulate[0]))
	}
}

// copies finds the kernel that copies between two types.
func (b *binder) copies(to, from graph.Type) *function {
	name := "copy" + suffixes[to]
	if to != from {
		name += suffixes[from]
	}
	return b.kernel(name)
}

func bindScale(b *binder, _ op.Scale) compute {
	kernel := b.kernel("scale_float")
	return func(r *run, out, in []operand, accumulate []bool) {
		n := out[0].Shape.Elements()
		r.launch(kernel, over(n, 1024), at(out[0]), at(in[0]), at(in[1]), elements(n), flag(accumulate[0]))
	}
}

func bindTotal(b *binder, _ op.Total) compute {
	kernel := b.kernel("total_float")
	return func(r *run, out, in []operand, _ []bool) {
		r.launch(kernel, over(1, 1), at(out[0]), at(in[0]), at(in[1]))
	}
}
