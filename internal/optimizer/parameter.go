package optimizer

import (
	"fmt"
	"slices"
	"strings"
)

// Parameter is the place of a tensor in the flat buffer.
type Parameter struct {
	Name   string
	Shape  []int
	Offset int // number of its first value
}

// span is a part of the flat buffer that is updated in one go.
type span struct {
	start, end int
	decays     bool
}

// padding bounds the gaps that a flat buffer may have between two parameters, to align them. Gaps hold zeros in the
// parameters and in the gradients, so an update leaves them as they are, and a span may reach over them.
const padding = 16

// inOrder sorts parameters by their places in the buffer. It is an error if two overlap.
func inOrder(parameters []Parameter) ([]Parameter, error) {
	sorted := slices.Clone(parameters)
	slices.SortStableFunc(sorted, func(a, b Parameter) int { return a.Offset - b.Offset })
	for i, p := range sorted {
		if p.Offset < end(sorted[:i]) {
			return nil, fmt.Errorf("parameter %s lies over the one before", p.Name)
		}
	}
	return sorted, nil
}

// end is where the last of the sorted parameters ends.
func end(parameters []Parameter) int {
	if len(parameters) == 0 {
		return 0
	}
	last := parameters[len(parameters)-1]
	return last.Offset + last.elements()
}

// spans joins neighbours among the sorted parameters that decay alike.
func spans(parameters []Parameter) []span {
	var joined []span
	for _, p := range parameters {
		next := span{p.Offset, p.Offset + p.elements(), decays(p.Name)}
		if n := len(joined); n > 0 && p.Offset-joined[n-1].end < padding && joined[n-1].decays == next.decays {
			joined[n-1].end = next.end
		} else {
			joined = append(joined, next)
		}
	}
	return joined
}

func (p Parameter) elements() int {
	n := 1
	for _, size := range p.Shape {
		n *= size
	}
	return n
}

// decays says whether weight decay applies, as UER-py decides it: by the name.
func decays(name string) bool {
	return !strings.Contains(name, "bias") && !strings.Contains(name, "gamma") && !strings.Contains(name, "beta")
}
