package layer

import (
	"uer/internal/config"
	"uer/internal/graph"
	"uer/internal/op"
)

// residual is the connection around a branch of a layer (He et al. 2016): the branch's result, after dropout, is added to
// its input. Either the sum (post) or the branch's input (pre) is normalised.
type residual struct {
	norm    Norm
	pre     bool
	dropout float64
}

// branch is attention or feed-forward without its last linear map, which adds the connection when it is applied.
type branch struct {
	inner *graph.Node // [tokens, inner], the last map's input
	last  Linear
}

func newResidual(s graph.Scope, m config.Model) residual {
	return residual{NewTransformerNorm(s, m), m.LayerNormPositioning == "pre", m.Dropout}
}

// apply maps x [tokens, hidden] to [tokens, hidden].
func (r residual) apply(b *graph.Builder, batch Batch, x *graph.Node, branchOf func(x *graph.Node) branch) *graph.Node {
	if r.pre {
		y := branchOf(r.norm.Apply(b, x))
		return y.last.ApplyResidual(b, batch, r.dropout, y.inner, x)
	}
	y := branchOf(x)
	return r.norm.ApplyResidual(b, batch, r.dropout, y.last.Apply(b, y.inner, op.Identity), x)
}
