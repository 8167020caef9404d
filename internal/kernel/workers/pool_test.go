package workers

import (
	"strings"
	"sync/atomic"
	"testing"
)

func newPool(t testing.TB, threads int) *Pool {
	pool := New(threads)
	t.Cleanup(pool.Close)
	return pool
}

func TestRunCallsEveryTileOnce(t *testing.T) {
	for _, threads := range []int{1, 2, 5} {
		pool := newPool(t, threads)
		for round := range 300 {
			tiles := round % 23
			counts := make([]atomic.Int32, tiles)
			pool.Run(tiles, func(worker, tile int) {
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
func TestWorkersAreExclusive(t *testing.T) {
	pool := newPool(t, 5)
	var inside [5]atomic.Int32
	for range 200 {
		pool.Run(20, func(worker, _ int) {
			if inside[worker].Add(1) != 1 {
				t.Errorf("worker %d runs two tiles at once", worker)
			}
			inside[worker].Add(-1)
		})
	}
}

func TestPanicSurfacesInTheCaller(t *testing.T) {
	for _, threads := range []int{1, 2, 5} {
		pool := newPool(t, threads)
		for bad := range 7 {
			func() {
				defer func() {
					value := recover()
					failed, isTile := value.(*tilePanic)
					if text, ok := value.(string); !(ok && text == "bad tile") && !(isTile && strings.Contains(failed.Error(), "bad tile")) {
						t.Errorf("threads %d: recovered %v", threads, value)
					}
				}()
				pool.Run(7, func(_, tile int) {
					if tile == bad {
						panic("bad tile")
					}
				})
			}()
		}
		var ran atomic.Int32
		pool.Run(9, func(_, _ int) { ran.Add(1) })
		if ran.Load() != 9 {
			t.Errorf("threads %d: %d of 9 tiles ran after a panic", threads, ran.Load())
		}
	}
}

func TestNestedRunPanics(t *testing.T) {
	pool := newPool(t, 2)
	defer func() {
		if recover() == nil {
			t.Error("a nested call was accepted")
		}
	}()
	pool.Run(2, func(_, _ int) { pool.Run(2, func(_, _ int) {}) })
}

func TestRunAllocatesNothing(t *testing.T) {
	pool := newPool(t, 2)
	var sum atomic.Int64
	body := func(_, tile int) { sum.Add(int64(tile)) }
	if n := testing.AllocsPerRun(100, func() { pool.Run(8, body) }); n > 0 {
		t.Errorf("%v allocations a call", n)
	}
}

func BenchmarkRun(b *testing.B) {
	for _, threads := range []int{1, 2} {
		pool := newPool(b, threads)
		b.Run(map[int]string{1: "1 thread", 2: "2 threads"}[threads], func(b *testing.B) {
			for range b.N {
				pool.Run(8, func(_, _ int) {})
			}
		})
	}
}
