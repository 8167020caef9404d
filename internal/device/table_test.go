package device

import (
	"reflect"
	"slices"
	"testing"

	"uer/internal/graph"
)

// TestTable looks up what rows declare.
func TestTable(t *testing.T) {
	name := func(b string, o graph.Op) string { return b + o.Name() }
	table := NewTable[string, string]("the abacus",
		BindingOf(func(b string, o square) string { return name(b, o) }).AddsToAll(),
		BindingOf(func(b string, o total) string { return name(b, o) }).AddsFrom(1),
		BindingOf(func(b string, o fill) string { return name(b, o) }),
		BindingOf(func(b string, o state) string { return name(b, o) }).
			Saves(func(b string, _ state, in []graph.Shape) int { return len(b) * in[0][0] }),
	)
	b, err := table.Find(total{})
	if err != nil {
		t.Fatal(err)
	}
	if got := b.Bind("my ", total{}); got != "my total" {
		t.Errorf("the binding of total makes %q", got)
	}
	for _, test := range []struct {
		op   graph.Op
		adds []bool // to outputs 0 and 1
	}{
		{square{}, []bool{true, true}}, {total{}, []bool{false, true}}, {fill{}, []bool{false, false}},
		{squareGradient{}, []bool{false, false}}, // not in the table
	} {
		if got := []bool{table.CanAdd(test.op, 0), table.CanAdd(test.op, 1)}; !slices.Equal(got, test.adds) {
			t.Errorf("%s can add to outputs 0 and 1: %v, want %v", test.op.Name(), got, test.adds)
		}
	}
	for elements, want := range map[int]int{0: 1, 5: 10} {
		if got, err := table.SavedSize("ab")(state{}, []graph.Shape{{elements}}); err != nil || got != want {
			t.Errorf("of %d elements, %d are saved (error %v), want %d", elements, got, err, want)
		}
	}
	unsaid := "the kernel of the abacus for fill does not say what it saves"
	if _, err := table.SavedSize("")(fill{}, nil); err == nil || err.Error() != unsaid {
		t.Errorf("error %v, want %s", err, unsaid)
	}
	if _, err := table.Find(squareGradient{}); err == nil || err.Error() != "the abacus has no kernel for square gradient" {
		t.Errorf("error %v", err)
	}
	if got := slices.Collect(table.Operations()); len(got) != 4 || !slices.Contains(got, reflect.TypeFor[fill]()) {
		t.Errorf("operations %v", got)
	}
}
