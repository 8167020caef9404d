package optimizer

import (
	"strings"

	"uer/internal/graph"
	"uer/internal/op"
)

// trained returns the parameters that are trained, by offset.
func trained(layout graph.Layout) []graph.Parameter {
	var list []graph.Parameter
	for _, p := range layout.Parameters {
		if !p.Frozen {
			list = append(list, p)
		}
	}
	return list
}

// end returns the offset at which a parameter ends in the flat buffers.
func end(p graph.Parameter) int { return p.Offset + p.Shape.Elements() }

// ranges joins neighbouring parameters that decay alike. A range includes the gaps that align them: they hold zeros among
// parameters and gradients alike, so an update does not change them.
func ranges(parameters []graph.Parameter) []op.Range {
	var joined []op.Range
	for _, p := range parameters {
		next := op.Range{Start: p.Offset, End: end(p), Decays: decays(p.Name)}
		if n := len(joined); n > 0 && p.Offset-joined[n-1].End < graph.Alignment && joined[n-1].Decays == next.Decays {
			joined[n-1].End = next.End
		} else {
			joined = append(joined, next)
		}
	}
	return joined
}

// decays reports whether weight decay applies to a parameter. UER-py decides it by the name.
func decays(name string) bool {
	return !strings.Contains(name, "bias") && !strings.Contains(name, "gamma") && !strings.Contains(name, "beta")
}
