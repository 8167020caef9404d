package kernel

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"uer/internal/kernel/native"
	"uer/internal/kernel/routine"
)

func newTestCPU(t testing.TB, set string, threads int) *CPU {
	t.Helper()
	cpu, err := NewWith(set, threads)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cpu.Close)
	return cpu
}

func TestNewWith(t *testing.T) {
	if sets := InstructionSets(); !slices.Contains(sets, "portable") {
		t.Errorf("instruction sets %v", sets)
	}
	if _, err := NewWith("mmx", 1); err == nil || !strings.Contains(err.Error(), "mmx") {
		t.Errorf("error %v for an unknown instruction set", err)
	}
	if _, err := NewWith("portable", -1); err == nil {
		t.Error("a negative number of threads was accepted")
	}
	t.Setenv("UER_CPU", "portable")
	cpu, err := New(3, Float32)
	if err != nil {
		t.Fatal(err)
	}
	defer cpu.Close()
	if cpu.Name() != "portable" || cpu.Threads() != 3 {
		t.Errorf("%s with %d threads", cpu.Name(), cpu.Threads())
	}
	t.Setenv("UER_CPU", "mmx")
	if _, err := New(1, Float32); err == nil || !strings.Contains(err.Error(), "UER_CPU") {
		t.Errorf("error %v for an unknown UER_CPU", err)
	}
}

// TestChoose: UER_CPU wins; without it, only products in bfloat16 may have another set than the best one.
func TestChoose(t *testing.T) {
	t.Setenv("UER_CPU", "avx2")
	if set := Choose(BFloat16); set != "avx2" {
		t.Errorf("%s, not what UER_CPU names", set)
	}
	t.Setenv("UER_CPU", "")
	best := InstructionSets()[0]
	for precision := range routine.Precisions {
		set := Choose(precision)
		if set != best && (precision != BFloat16 || set != native.VDPBF16 || best == native.AMX) {
			t.Errorf("precision %d: %s, and the best set is %s", precision, set, best)
		}
	}
	if HasInstructions("avx512", BFloat16) || HasInstructions(native.VDPBF16, BFloat16x3) || !HasInstructions(native.AMX, BFloat16x6) ||
		!HasInstructions("portable", Float32) {
		t.Error("wrong sets have instructions for bfloat16")
	}
}

// TestTablesAreComplete: a routine that is nil would be a crash in the middle of a training.
func TestTablesAreComplete(t *testing.T) {
	for i, table := range tables() {
		if table.Name != InstructionSets()[i] {
			t.Errorf("the table of %s is named %s", InstructionSets()[i], table.Name)
		}
		requireRoutines(t, table.Name, reflect.ValueOf(*table))
		for _, products := range table.Matmul {
			requireRoutines(t, table.Name, reflect.ValueOf(products))
		}
	}
}

// requireRoutines fails if a function in a struct is nil, at any depth.
func requireRoutines(t *testing.T, name string, x reflect.Value) {
	t.Helper()
	switch x.Kind() {
	case reflect.Func:
		if x.IsNil() {
			t.Errorf("%s is nil", name)
		}
	case reflect.Struct:
		for i := range x.NumField() {
			requireRoutines(t, name+" "+x.Type().Field(i).Name, x.Field(i))
		}
	}
}
