package layer

import (
	"uer/internal/config"
	"uer/internal/graph"
	"uer/internal/op"
)

// Norm is layer normalisation: UER-py's own, PyTorch's, or T5's.
type Norm struct {
	kind        op.NormKind
	epsilon     float64
	gamma, beta *graph.Node // [width]; T5 has no beta
}

// NewNorm declares a normalisation outside a transformer, which has T5's only inside: PyTorch's, or else UER-py's.
func NewNorm(s graph.Scope, m config.Model, width int) Norm {
	n := Norm{kind: op.NormUER, epsilon: m.NormEpsilon(), gamma: s.Parameter("gamma", width), beta: s.Parameter("beta", width)}
	if m.LayerNorm == "standard" {
		n.kind = op.NormStandard
	}
	return n
}

// NewTransformerNorm declares the normalisation inside a transformer, which layernorm names.
func NewTransformerNorm(s graph.Scope, m config.Model) Norm {
	if m.LayerNorm == "t5" {
		return Norm{kind: op.NormRMS, epsilon: m.NormEpsilon(), gamma: s.Parameter("weight", m.HiddenSize)}
	}
	return NewNorm(s, m, m.HiddenSize)
}

// Apply normalises the rows of x [tokens, width].
func (n Norm) Apply(b *graph.Builder, x *graph.Node) *graph.Node {
	norm := op.Norm{Kind: n.kind, Epsilon: n.epsilon}
	inputs := op.NormInputs[*graph.Node]{X: x, Gamma: n.gamma, Beta: n.beta}
	return b.Apply(norm, inputs.List(norm)...)
}

// ApplyResidual is norm(dropout(x) + residual), x and residual [tokens, width].
func (n Norm) ApplyResidual(b *graph.Builder, batch Batch, dropout float64, x, residual *graph.Node) *graph.Node {
	norm := op.Norm{Kind: n.kind, Epsilon: n.epsilon, Residual: true, Dropout: float32(dropout), Site: b.Site()}
	inputs := op.NormInputs[*graph.Node]{X: x, Residual: residual, Rows: batch.Rows, Gamma: n.gamma, Beta: n.beta}
	return b.Apply(norm, inputs.List(norm)...)
}
