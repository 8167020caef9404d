package cuda

import (
	driver "uer/internal/cuda"
	"uer/internal/op"
)

func bindAdamW(b *binder, o op.AdamW) compute {
	kernel := b.kernel("adamw")
	return func(r *run, out, in []operand, _ []bool) {
		n := in[0].Shape.Elements()
		float := func(x float64) driver.Argument { return driver.Float32(float32(x)) }
		r.launch(kernel, over(n, 1024), at(out[0]), at(out[1]), at(out[2]), r.half(out[0]), at(in[0]), at(in[1]), at(in[2]), elements(n),
			float(o.Beta1), float(1-o.Beta1), float(o.Beta2), float(1-o.Beta2), float(o.Epsilon),
			float(r.Update.Rate), float(r.Update.Rate*o.WeightDecay))
	}
}
