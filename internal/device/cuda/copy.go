package cuda

import (
	driver "uer/internal/cuda"
	"uer/internal/graph"
	"uer/internal/op"
)

func bindCopy(b *binder, _ graph.Copy) compute {
	c := b.copying(b.outTypes[0], b.inTypes[0])
	return func(r *run, out, in []operand, accumulate []bool) {
		c.begin(r, out[0].At, in[0].At, out[0].Shape.Elements(), accumulate[0])
	}
}

// copying copies between two types.
type copying struct {
	kernel *function
	block  int // elements that a block takes
}

// copying finds the kernel that copies between two types.
func (b *binder) copying(to, from graph.Type) copying {
	name, block := "copy"+suffixes[to], 2048
	if to != from {
		name += suffixes[from]
	} else if to == graph.Float32 {
		block = 1024
	}
	return copying{b.kernel(name), block}
}

// begin copies n elements, or adds them.
func (c copying) begin(r *run, to, from driver.Pointer, n int, accumulate bool) {
	r.launch(c.kernel, over(n, c.block), pointer(to), pointer(from), elements(n), flag(accumulate))
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
