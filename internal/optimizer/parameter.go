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

// spans joins neighbouring parameters that decay alike, in the order of the buffer.
func spans(parameters []Parameter) ([]span, error) {
	sorted := slices.Clone(parameters)
	slices.SortStableFunc(sorted, func(a, b Parameter) int { return a.Offset - b.Offset })
	var joined []span
	end := 0
	for _, p := range sorted {
		if p.Offset < end {
			return nil, fmt.Errorf("parameter %s lies over the one before", p.Name)
		}
		gap := p.Offset - end
		end = p.Offset + p.elements()
		next := span{p.Offset, end, decays(p.Name)}
		if n := len(joined); n > 0 && gap < padding && joined[n-1].decays == next.decays {
			joined[n-1].end = next.end
		} else {
			joined = append(joined, next)
		}
	}
	return joined, nil
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
