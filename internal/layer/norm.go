package layer

import (
	"uer/internal/config"
	"uer/internal/graph"
	"uer/internal/op"
)

// Norm is layer normalisation: UER-py's own, or T5's.
type Norm struct {
	kind        op.NormKind
	gamma, beta *graph.Node // [width]; T5 has no beta
}

// NewNorm declares UER-py's normalisation.
func NewNorm(s graph.Scope, width int) Norm {
	return Norm{kind: op.NormUER, gamma: s.Parameter("gamma", width), beta: s.Parameter("beta", width)}
}

// NewTransformerNorm declares the normalisation inside a transformer, which layernorm names.
func NewTransformerNorm(s graph.Scope, m config.Model) Norm {
	if m.LayerNorm == "t5" {
		return Norm{kind: op.NormRMS, gamma: s.Parameter("weight", m.HiddenSize)}
	}
	return NewNorm(s, m.HiddenSize)
}

// Apply normalises the rows of x [tokens, width].
func (n Norm) Apply(b *graph.Builder, x *graph.Node) *graph.Node {
	norm := op.Norm{Kind: n.kind}
	inputs := op.NormInputs[*graph.Node]{X: x, Gamma: n.gamma, Beta: n.beta}
	return b.Apply(norm, inputs.List(norm)...)
}

// ApplyResidual is norm(dropout(x) + residual), x and residual [tokens, width].
func (n Norm) ApplyResidual(b *graph.Builder, batch Batch, dropout float64, x, residual *graph.Node) *graph.Node {
	norm := op.Norm{Kind: n.kind, Residual: true, Dropout: float32(dropout), Site: b.Site()}
	inputs := op.NormInputs[*graph.Node]{X: x, Residual: residual, Rows: batch.Rows, Gamma: n.gamma, Beta: n.beta}
	return b.Apply(norm, inputs.List(norm)...)
}
