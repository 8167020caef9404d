package kernel

import (
	"slices"
	"strings"
	"testing"
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
	cpu, err := New(3)
	if err != nil {
		t.Fatal(err)
	}
	defer cpu.Close()
	if cpu.Name() != "portable" || cpu.Threads() != 3 {
		t.Errorf("%s with %d threads", cpu.Name(), cpu.Threads())
	}
	t.Setenv("UER_CPU", "mmx")
	if _, err := New(1); err == nil || !strings.Contains(err.Error(), "UER_CPU") {
		t.Errorf("error %v for an unknown UER_CPU", err)
	}
}
