package kernel

import (
	"slices"
	"strings"
	"sync/atomic"
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

func TestParallelRunsEveryTileOnce(t *testing.T) {
	for _, threads := range []int{1, 2, 5} {
		cpu := newTestCPU(t, "portable", threads)
		for round := range 300 {
			tiles := round % 23
			counts := make([]atomic.Int32, tiles)
			cpu.parallelWorker(tiles, func(worker, tile int) {
				if worker < 0 || worker >= threads {
					t.Errorf("worker %d of %d", worker, threads)
				}
				counts[tile].Add(1)
			})
			for tile := range counts {
				if n := counts[tile].Load(); n != 1 {
					t.Fatalf("threads %d: tile %d of %d ran %d times", threads, tile, tiles, n)
				}
			}
		}
	}
}

// Every worker has scratch memory of its own, so two tiles must never run as one worker at the same time.
func TestParallelWorkersAreExclusive(t *testing.T) {
	cpu := newTestCPU(t, "portable", 5)
	var inside [5]atomic.Int32
	for range 200 {
		cpu.parallelWorker(20, func(worker, _ int) {
			if inside[worker].Add(1) != 1 {
				t.Errorf("worker %d runs two tiles at once", worker)
			}
			inside[worker].Add(-1)
		})
	}
}

func TestParallelPanicSurfacesInTheCaller(t *testing.T) {
	for _, threads := range []int{1, 2, 5} {
		cpu := newTestCPU(t, "portable", threads)
		for bad := range 7 {
			func() {
				defer func() {
					value := recover()
					failed, isTile := value.(*tilePanic)
					if text, ok := value.(string); !(ok && text == "bad tile") && !(isTile && strings.Contains(failed.Error(), "bad tile")) {
						t.Errorf("threads %d: recovered %v", threads, value)
					}
				}()
				cpu.parallel(7, func(tile int) {
					if tile == bad {
						panic("bad tile")
					}
				})
			}()
		}
		var ran atomic.Int32
		cpu.parallel(9, func(int) { ran.Add(1) })
		if ran.Load() != 9 {
			t.Errorf("threads %d: %d of 9 tiles ran after a panic", threads, ran.Load())
		}
	}
}

func TestNestedParallelPanics(t *testing.T) {
	cpu := newTestCPU(t, "portable", 2)
	defer func() {
		if recover() == nil {
			t.Error("a nested call was accepted")
		}
	}()
	cpu.parallel(2, func(int) { cpu.parallel(2, func(int) {}) })
}

func TestParallelAllocatesNothingButTheClosure(t *testing.T) {
	cpu := newTestCPU(t, "portable", 2)
	var sum atomic.Int64
	body := func(_, tile int) { sum.Add(int64(tile)) }
	if n := testing.AllocsPerRun(100, func() { cpu.parallelWorker(8, body) }); n > 0 {
		t.Errorf("%v allocations a call", n)
	}
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

func BenchmarkParallel(b *testing.B) {
	for _, threads := range []int{1, 2} {
		cpu := newTestCPU(b, "portable", threads)
		b.Run(map[int]string{1: "1 thread", 2: "2 threads"}[threads], func(b *testing.B) {
			for range b.N {
				cpu.parallelWorker(8, func(_, _ int) {})
			}
		})
	}
}
