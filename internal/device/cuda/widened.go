package cuda

import "uer/internal/graph"

// widened lets kernels for float32 compute on activations in bfloat16, by copies. It is for what no recipe needs.
func widened(b *binder, inner compute) compute {
	widen, narrow := b.copies(graph.Float32, graph.BFloat16), b.copies(graph.BFloat16, graph.Float32)
	return func(r *run, out, in []operand, accumulate []bool) {
		floats := func(o operand) operand {
			o.Type, o.At = graph.Float32, r.floats(o.Shape.Elements())
			return o
		}
		wideIn, wideOut := append([]operand{}, in...), append([]operand{}, out...)
		added := append([]bool{}, accumulate...)
		for i, o := range in {
			if o.Type == graph.BFloat16 {
				wideIn[i] = floats(o)
				n := o.Shape.Elements()
				r.launch(widen, r.spans(n), at(wideIn[i]), at(o), elements(n), flag(false))
			}
		}
		for i, o := range out {
			if o.wanted() && o.Type == graph.BFloat16 {
				wideOut[i], added[i] = floats(o), false
			}
		}
		inner(r, wideOut, wideIn, added)
		for i, o := range out {
			if o.wanted() && o.Type == graph.BFloat16 {
				n := o.Shape.Elements()
				r.launch(narrow, r.spans(n), at(o), at(wideOut[i]), elements(n), flag(accumulate[i]))
			}
		}
	}
}
