package optimizer

import (
	"strings"

	"uer/internal/graph"
)

// flat is a part of the flat buffers that is updated in one go.
type flat struct {
	start, end int
	decays     bool
}

// padding bounds the gaps that a flat buffer may have between two parameters, to align them. Gaps hold zeros in the
// parameters and in the gradients, so an update leaves them as they are, and may reach over them.
const padding = 16

// trained are the parameters that move, in the order of their places.
func trained(layout graph.Layout) []graph.Parameter {
	var list []graph.Parameter
	for _, p := range layout.Parameters {
		if !p.Frozen {
			list = append(list, p)
		}
	}
	return list
}

// end is where a parameter ends in the flat buffers.
func end(p graph.Parameter) int { return p.Offset + p.Shape.Elements() }

// ranges joins neighbours among the parameters that decay alike.
func ranges(parameters []graph.Parameter) []flat {
	var joined []flat
	for _, p := range parameters {
		next := flat{p.Offset, end(p), decays(p.Name)}
		if n := len(joined); n > 0 && p.Offset-joined[n-1].end < padding && joined[n-1].decays == next.decays {
			joined[n-1].end = next.end
		} else {
			joined = append(joined, next)
		}
	}
	return joined
}

// decays says whether weight decay applies, as UER-py decides it: by the name.
func decays(name string) bool {
	return !strings.Contains(name, "bias") && !strings.Contains(name, "gamma") && !strings.Contains(name, "beta")
}
