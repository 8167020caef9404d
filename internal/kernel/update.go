package kernel

// AdamW is one update of Adam without bias correction and with decoupled weight decay (Loshchilov, Hutter:
// Decoupled weight decay regularization, 2019), as UER-py applies it. With g = GradientScale gradient:
//
//	m = β₁ m + (1-β₁) g
//	v = β₂ v + (1-β₂) g²
//	p = p - Rate m/(√v + ε)
//	p = p - Rate WeightDecay p
type AdamW struct {
	Rate, Beta1, Beta2, Epsilon float64 // float64, for 1-0.999 is not exact enough in float32
	WeightDecay                 float64
	GradientScale               float64 // 1, or the factor of clipping and averaging
}

// AdamW updates parameters and their moments in place. All have the same length.
func (c *CPU) AdamW(a AdamW, parameters, gradients, first, second []float32) {
	requireLength("gradients", len(gradients), len(parameters))
	requireLength("first", len(first), len(parameters))
	requireLength("second", len(second), len(parameters))
	c.overElements(len(parameters), func(i, j int) {
		c.rows.adamW(a, parameters[i:j], gradients[i:j], first[i:j], second[i:j])
	})
}
