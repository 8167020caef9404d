//go:build cgo

package native

// #include "call.h"
import "C"

import "uer/internal/kernel/routine"

func fillOptimizer(s *C.struct_set, t *routine.Table) {
	put(&t.AdamW, s.adamw, func(a routine.AdamWUpdate) { C.call_adamw(s, adamW(&a)) })
	put(&t.StableMoments, s.stable_moments, func(a routine.AdamWUpdate) float64 {
		return float64(C.call_stable_moments(s, adamW(&a)))
	})
	put(&t.StableStep, s.stable_step, func(a routine.AdamWUpdate) { C.call_stable_step(s, adamW(&a)) })
	put(&t.AdafactorSums, s.adafactor_sums, func(f routine.Factored) { C.call_adafactor_sums(s, factored(&f)) })
	put(&t.AdafactorSquares, s.adafactor_squares, func(f routine.Factored) float64 {
		return float64(C.call_adafactor_squares(s, factored(&f)))
	})
	put(&t.AdafactorUpdate, s.adafactor_update, func(u routine.FactoredUpdate) {
		C.call_adafactor_update(s, C.struct_factored_update{
			factored: factored(&u.Factored), parameters: floats(u.Parameters), rate: C.float(u.Rate), decay: C.float(u.Decay),
		})
	})
}

func adamW(a *routine.AdamWUpdate) C.struct_adamw {
	return C.struct_adamw{
		rate:           C.float(a.Rate),
		beta1:          C.float(a.Beta1),
		rest1:          C.float(1 - a.Beta1),
		beta2:          C.float(a.Beta2),
		rest2:          C.float(1 - a.Beta2),
		epsilon:        C.float(a.Epsilon),
		decay:          C.float(a.Rate * a.WeightDecay),
		gradient_scale: C.float(a.GradientScale),
		parameters:     floats(a.Parameters),
		gradients:      floats(a.Gradients),
		first:          floats(a.First),
		second:         floats(a.Second),
		n:              length(a.Parameters),
	}
}

func factored(f *routine.Factored) C.struct_factored {
	return C.struct_factored{
		count: C.size_t(f.Count), rows: C.size_t(f.Rows), width: C.size_t(f.Width),
		gradient: floats(f.Gradient), row: floats(f.Row), column: floats(f.Column),
	}
}
