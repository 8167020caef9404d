package cuda

import (
	driver "uer/internal/cuda"
	"uer/internal/graph"
	"uer/internal/op"
)

func bindAdamW(b *binder, o op.AdamW) compute {
	kernel, rules := b.kernel("adamw"), b.constant(adamWRules(b.in[0].Elements(), o.Ranges))
	return func(r *run, out, in []operand, _ []bool) {
		n := in[0].Shape.Elements()
		float := func(x float64) driver.Argument { return driver.Float32(float32(x)) }
		r.launch(kernel, over(n, 1024), at(out[0]), at(out[1]), at(out[2]), r.half(out[0]), at(in[0]), pointer(rules), at(in[1]),
			at(in[2]), elements(n), float(o.Beta1), float(1-o.Beta1), float(o.Beta2), float(1-o.Beta2), float(o.Epsilon),
			float(r.Update.Rate), float(r.Update.Rate*o.WeightDecay))
	}
}

// adamWRules tells the kernel what to do with each 16 of n elements: two bits, 0 for nothing, 1 for an update and 3 for one
// with weight decay. The gap after a range holds zeros, so it may be updated with it.
func adamWRules(n int, ranges []op.Range) []int32 {
	const unit, units = graph.Alignment, 16 // elements that share a rule, and rules of a word
	rules := make([]int32, (n+unit*units-1)/(unit*units))
	for _, r := range ranges {
		rule := int32(1)
		if r.Decays {
			rule = 3
		}
		for i := r.Start / unit; i*unit < r.End; i++ {
			rules[i/units] |= rule << (2 * (i % units))
		}
	}
	return rules
}
