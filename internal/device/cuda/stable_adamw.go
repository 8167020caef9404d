package cuda

import (
	driver "uer/internal/cuda"
	"uer/internal/op"
)

func bindStableAdamW(b *binder, o op.StableAdamW) compute {
	moments, total, update := b.kernel("stable_adamw_moments"), b.kernel("total_partials"), b.kernel("stable_adamw_update")
	return func(r *run, out, in []operand, _ []bool) {
		n := in[0].Shape.Elements()
		blocks := (n + 1023) / 1024
		float := func(x float64) driver.Argument { return driver.Float32(float32(x)) }
		beta1, beta2 := o.Decay(o.Beta1, r.Update.Number), o.Decay(o.Beta2, r.Update.Number)
		partials, ratios := r.scratch(8*blocks), r.scratch(8) // float64
		r.launch(moments, over(n, 1024), pointer(partials), at(out[1]), at(out[2]), at(in[0]), at(in[1]), at(in[2]), elements(n),
			float(beta1), float(1-beta1), float(beta2), float(1-beta2), float(o.Epsilon))
		r.launch(total, over(1, 1), pointer(ratios), pointer(partials), count(blocks))
		r.launch(update, over(n, 1024), at(out[0]), r.half(out[0]), at(out[1]), at(out[2]), pointer(ratios), at(in[2]), elements(n),
			float(o.Epsilon), driver.Float64(r.Update.Rate), driver.Float64(r.Update.Rate*o.WeightDecay))
	}
}
