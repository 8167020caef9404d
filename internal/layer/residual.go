package layer

import (
	"uer/internal/config"
	"uer/internal/graph"
	"uer/internal/op"
)

// residual is the connection around a part of a layer (He et al. 2016): the part's result, with dropout, is added to the
// part's input. Normalised is the sum (post) or what the part reads (pre).
type residual struct {
	norm    Norm
	pre     bool
	dropout float64
}

// part is attention or feed-forward but for its last linear map, which takes the connection in when it is applied.
type part struct {
	inner *graph.Node // [tokens, inner], read by the last map
	last  Linear
}

func newResidual(s graph.Scope, m config.Model) residual {
	return residual{NewTransformerNorm(s, m), m.LayerNormPositioning == "pre", m.Dropout}
}

// apply maps x [tokens, hidden] to [tokens, hidden].
func (r residual) apply(b *graph.Builder, batch Batch, x *graph.Node, around func(x *graph.Node) part) *graph.Node {
	if r.pre {
		p := around(r.norm.Apply(b, x))
		return p.last.ApplyResidual(b, batch, r.dropout, p.inner, x)
	}
	p := around(x)
	return r.norm.ApplyResidual(b, batch, r.dropout, p.last.Apply(b, p.inner, op.Identity), x)
}
