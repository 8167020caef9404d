package op

import (
	"slices"
	"testing"
)

// TestInputs checks that the reading functions undo List, for every combination of options.
func TestInputs(t *testing.T) {
	flags := func(bits, i int) bool { return bits>>i&1 == 1 }
	for bits := range 16 {
		a := Attention{Cross: flags(bits, 0), Prefix: flags(bits, 1), Lengths: flags(bits, 2), Bias: flags(bits, 3)}
		attention := AttentionInputs[int]{1, 2, 3, 4, 5, 6, 7, 8, 9}
		check(t, attention.List(a), AttentionInputsOf(a, attention.List(a)).List(a), 5, flags(bits, 0), flags(bits, 1), flags(bits, 2), flags(bits, 3))

		l := Linear{Bias: flags(bits, 0), Residual: flags(bits, 1)}
		linear := LinearInputs[int]{1, 2, 3, 4, 5}
		check(t, linear.List(l), LinearInputsOf(l, linear.List(l)).List(l), 2, l.Bias, l.Residual, l.Residual)

		g := LinearGradient{}
		if flags(bits, 0) {
			g.Activation = GELU
		}
		gradient := LinearGradientInputs[int]{1, 2, 3, 4}
		check(t, gradient.List(g), LinearGradientInputsOf(g, gradient.List(g)).List(g), 3, flags(bits, 0))

		n := Norm{Residual: flags(bits, 0)}
		if flags(bits, 1) {
			n.Kind = NormRMS
		}
		norm := NormInputs[int]{1, 2, 3, 4, 5}
		check(t, norm.List(n), NormInputsOf(n, norm.List(n)).List(n), 2, n.Residual, n.Residual, n.Kind != NormRMS)
		normGradient := NormGradientInputs[int]{1, 2, 3, 4, 5}
		list := normGradient.List(NormGradient(n))
		check(t, list, NormGradientInputsOf(NormGradient(n), list).List(NormGradient(n)), 4, n.Residual)

		c := CrossEntropy{Bias: flags(bits, 0)}
		entropy := CrossEntropyInputs[int]{1, 2, 3, 4}
		check(t, entropy.List(c), CrossEntropyInputsOf(c, entropy.List(c)).List(c), 3, c.Bias)
	}
}

// check compares the lists, and their length with the number of inputs that are always there and those that are present.
func check(t *testing.T, want, got []int, always int, present ...bool) {
	t.Helper()
	for _, p := range present {
		if p {
			always++
		}
	}
	if !slices.Equal(got, want) || len(want) != always || slices.Contains(want, 0) {
		t.Errorf("inputs %v are read as %v; want %d of them", want, got, always)
	}
}
