//go:build cgo

// The tests are in a package of their own, or the C would be compiled for them once more.
package native_test

import (
	"reflect"
	"testing"

	"uer/internal/kernel/native"
	"uer/internal/kernel/portable"
	"uer/internal/kernel/routine"
)

// TestFillKeepsWhatASetLacks: products in bfloat16, which not all sets have, stay as they are in the table; what the set has
// replaces the portable routine, and is not lost to a layer that lacks it.
func TestFillKeepsWhatASetLacks(t *testing.T) {
	if len(native.Sets()) == 0 {
		t.Fatal("no instruction sets")
	}
	for _, set := range native.Sets() {
		var empty routine.Table
		native.Fill(set, &empty)
		plain := portable.Table()
		filled := plain
		native.Fill(set, &filled)
		before, after := functions(reflect.ValueOf(plain), ""), functions(reflect.ValueOf(filled), "")
		had := functions(reflect.ValueOf(empty), "")
		for name, function := range after {
			switch {
			case function == 0:
				t.Errorf("%s: %s is nil", set, name)
			case had[name] == 0 && function != before[name]:
				t.Errorf("%s: %s is not the portable routine, and the set has none", set, name)
			case had[name] != 0 && function == before[name]:
				t.Errorf("%s: %s is the portable routine, and the set has one", set, name)
			}
		}
		out := []float32{0, 0}
		if filled.Add(routine.Add{Out: out, A: []float32{1, 2}, B: []float32{3, 4}}); out[0] != 4 || out[1] != 6 {
			t.Errorf("%s: sums are %v", set, out)
		}
	}
}

// functions are the addresses of a table's routines by name, 0 for nil.
func functions(x reflect.Value, name string) map[string]uintptr {
	found := map[string]uintptr{}
	add := func(part reflect.Value, name string) {
		for name, address := range functions(part, name) {
			found[name] = address
		}
	}
	switch x.Kind() {
	case reflect.Func:
		found[name] = x.Pointer()
	case reflect.Struct:
		for i := range x.NumField() {
			add(x.Field(i), name+" "+x.Type().Field(i).Name)
		}
	case reflect.Array:
		for i := range x.Len() {
			add(x.Index(i), name+" "+string(rune('0'+i)))
		}
	}
	return found
}
