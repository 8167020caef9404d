//go:build unix

package kernel

import (
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"uer/internal/kernel/native"
)

// TestTilesSurviveSignals multiplies and attends on AMX in several goroutines, while the garbage collector runs and each thread is sent
// signals: what a call leaves in the tiles must matter to nobody, and what it has there must not be lost.
func TestTilesSurviveSignals(t *testing.T) {
	if InstructionSets()[0] != native.AMX {
		t.Skip("this machine has no AMX")
	}
	defer debug.SetGCPercent(debug.SetGCPercent(2))
	deadline := time.Now().Add(2 * time.Second)
	var products, wrong atomic.Int64
	done := make(chan struct{})
	const workers = 6
	for w := range workers {
		c := newTestCPU(t, native.AMX, 1)
		go func() {
			defer func() { done <- struct{}{} }()
			p := productCase{m: 20 + 30*w, n: 100, k: 700, precision: BFloat16 + Precision(w)%3}
			q := p.product(rand.New(rand.NewPCG(uint64(w), 1)))
			c.MatMul(&q)
			want := slices.Clone(q.C.Floats)
			attention := newAttentionRun(attentionCase{heads: 2, size: 40, lengths: []int32{20, 60}, precision: BFloat16})
			attention.run(c)
			wantDK := slices.Clone(attention.DK.To.Floats)
			for time.Now().Before(deadline) {
				garbage := make([][]byte, 100)
				for i := range garbage {
					garbage[i] = make([]byte, 1000)
				}
				if c.MatMul(&q); !identical(want, q.C.Floats) {
					wrong.Add(1)
				}
				if attention.run(c); !identical(wantDK, attention.DK.To.Floats) {
					wrong.Add(1)
				}
				products.Add(1)
				runtime.KeepAlive(garbage)
			}
		}()
	}
	for running := workers; running > 0; {
		select {
		case <-done:
			running--
		default:
			_ = syscall.Kill(os.Getpid(), syscall.SIGURG)
			time.Sleep(20 * time.Microsecond)
		}
	}
	if wrong.Load() > 0 {
		t.Errorf("%d of %d products and as many attentions have wrong bits", wrong.Load(), products.Load())
	}
	t.Logf("%d products, and as many attentions", products.Load())
}
