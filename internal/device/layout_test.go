package device

import (
	"strings"
	"testing"

	"uer/internal/graph"
)

func TestCheckProgram(t *testing.T) {
	memory := graph.Layout{ParameterSize: 32, StateSize: 64}
	for _, test := range []struct {
		program graph.Layout
		fits    bool
	}{
		{graph.Layout{ParameterSize: 32, StateSize: 64}, true},
		{graph.Layout{ParameterSize: 32, StateSize: 16}, true},
		{graph.Layout{ParameterSize: 32, StateSize: 80}, false},
		{graph.Layout{ParameterSize: 16, StateSize: 64}, false},
	} {
		if err := CheckProgram(&graph.Program{Layout: test.program}, memory); (err == nil) != test.fits {
			t.Errorf("%+v: error %v", test.program, err)
		}
	}
}

func TestCheckRange(t *testing.T) {
	memory := graph.Layout{ParameterSize: 32, StateSize: 64}
	for _, test := range []struct {
		place        graph.Place
		offset, size int
		want         string // in the error; "" for none
	}{
		{graph.InParameters, 0, 32, ""},
		{graph.InGradients, 32, 0, ""},
		{graph.InGradients, 31, 2, "elements 31 to 33 of the gradients: out of range, there are 32"},
		{graph.InState, 60, 4, ""},
		{graph.InState, -1, 4, "there are 64"},
		{graph.InInput, 0, 1, "there are 0"},
	} {
		err := CheckRange(memory, test.place, test.offset, test.size)
		if (err == nil) != (test.want == "") || err != nil && !strings.HasSuffix(err.Error(), test.want) {
			t.Errorf("%+v: error %v", test, err)
		}
	}
}
