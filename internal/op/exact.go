package op

import "slices"

// The methods of this file implement graph.Exact: they name the operands that are float32 however activations are stored,
// which are parameters and their gradients, statistics, losses, and what recurrent layers carry from step to step.

// Exact names the weight and the bias.
func (o Linear) Exact() (in, out []bool) {
	return LinearInputs[bool]{Weight: true, Bias: true}.List(o), nil
}

// Exact names the weight, dW and db.
func (o LinearGradient) Exact() (in, out []bool) {
	return LinearGradientInputs[bool]{Weight: true}.List(o), []bool{false, true, true}
}

// Exact names the parameters and the statistics.
func (o Norm) Exact() (in, out []bool) {
	return NormInputs[bool]{Gamma: true, Beta: true}.List(o), []bool{false, true}
}

// Exact names γ, the statistics, and the gradients of the parameters.
func (o NormGradient) Exact() (in, out []bool) {
	in = NormGradientInputs[bool]{Stats: true, Gamma: true}.List(o)
	if o.Residual {
		return in, []bool{false, false, true, true}
	}
	return in, []bool{false, true, true}
}

// Exact names the position bias and the logarithms of the denominators.
func (o Attention) Exact() (in, out []bool) {
	return AttentionInputs[bool]{Bias: true}.List(o), []bool{false, true}
}

// Exact names the position bias, its gradient, and the logarithms of the denominators.
func (o AttentionGradient) Exact() (in, out []bool) {
	in, _ = Attention(o).Exact()
	return append([]bool{false, true, false}, in...), []bool{false, false, false, true}
}

// Exact names both operands.
func (PositionBias) Exact() (in, out []bool) { return []bool{true}, []bool{true} }

// Exact names both operands.
func (PositionBiasGradient) Exact() (in, out []bool) { return []bool{true}, []bool{true} }

// Exact names the tables.
func (o Embedding) Exact() (in, out []bool) { return slices.Repeat([]bool{true}, o.Tables), nil }

// Exact names the gradient of the table.
func (EmbeddingGradient) Exact() (in, out []bool) { return nil, []bool{true} }

// Exact names all but h and dh.
func (o CrossEntropy) Exact() (in, out []bool) {
	return CrossEntropyInputs[bool]{Weight: true, Bias: true}.List(o), []bool{true, true, false, true, true}
}

// Exact names x and the product: a gradient of parameters may be scaled, too.
func (Scale) Exact() (in, out []bool) { return []bool{true}, []bool{true} }

// parametersAfter are a number of activations and as many parameters as two directions have.
func parametersAfter(activations ...bool) []bool {
	return append(activations, slices.Repeat([]bool{true}, 2*RecurrentWeights)...)
}

// Exact names the parameters and what is saved for the gradient.
func (Recurrent) Exact() (in, out []bool) { return parametersAfter(false), []bool{false, true} }

// Exact names the parameters, the state and what is saved.
func (RecurrentFrom) Exact() (in, out []bool) {
	return []bool{false, true, true, true, true, true, true}, []bool{false, true, true}
}

// Exact names the parameters, their gradients and what was saved.
func (RecurrentGradient) Exact() (in, out []bool) {
	return parametersAfter(false, true, false, false), parametersAfter(false)
}

// Exact names the parameters.
func (GatedConvolution) Exact() (in, out []bool) {
	return append([]bool{false}, slices.Repeat([]bool{true}, 6)...), nil
}

// Exact names the parameters and their gradients.
func (GatedConvolutionGradient) Exact() (in, out []bool) {
	return append([]bool{false, false, false}, slices.Repeat([]bool{true}, 6)...),
		append([]bool{false}, slices.Repeat([]bool{true}, 6)...)
}
