package routine

// AdamW is one update of Adam without bias correction and with decoupled weight decay (Loshchilov, Hutter:
// Decoupled weight decay regularization, 2019), as UER-py applies it. With g = GradientScale gradient:
//
//	m = β₁ m + (1-β₁) g
//	v = β₂ v + (1-β₂) g²
//	p = p - Rate m/(√v + ε)
//	p = p - Rate WeightDecay p
type AdamW struct {
	Rate, Beta1, Beta2, Epsilon float64 // float64: 1-0.999 is too inexact in float32
	WeightDecay                 float64
	GradientScale               float64 // for clipping and averaging; 1 for neither
}

// AdamWUpdate updates parameters and their moments in place. StableAdamW takes it in two steps: its moments, then its parameters.
type AdamWUpdate struct {
	AdamW
	Parameters, Gradients, First, Second []float32 // [n]
}

// Factored is a gradient seen as matrices [count, rows, width], each element to be multiplied by the factors of its row and
// of its column. A tensor with fewer than two axes is one row.
type Factored struct {
	Count, Rows, Width int
	Gradient           []float32 // [count, rows, width]
	Row                []float32 // [count, rows]
	Column             []float32 // [count, width]
}

// FactoredUpdate is p = p - Decay p - Rate d, d a gradient times its factors.
type FactoredUpdate struct {
	Factored
	Parameters  []float32 // [count, rows, width]
	Rate, Decay float32
}
