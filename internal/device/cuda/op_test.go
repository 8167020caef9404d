package cuda

import (
	"math"
	"testing"

	"uer/internal/device/cpu"
	"uer/internal/device/cuda/gputest"
	"uer/internal/device/devicetest"
)

// open makes a device, or skips the test and says why there is none.
func open(t testing.TB) *Device {
	t.Helper()
	gputest.Need(t)
	d, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// TestOps compares losses and gradients with the CPU's, for every operation, also where gradients add up, and wants the
// same bits from a second run.
func TestOps(t *testing.T) {
	d := open(t)
	processor, err := cpu.New(cpu.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer processor.Close()
	for _, c := range append(devicetest.Sharing(), devicetest.Cases...) {
		t.Run(c.Name, func(t *testing.T) {
			p, err := c.Compile(nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, passes := range []int{1, 2} {
				loss, gradients, err := p.Run(d, passes)
				if err != nil {
					t.Fatal(err)
				}
				wantLoss, want, err := p.Run(processor, passes)
				if err != nil {
					t.Fatal(err)
				}
				if math.Abs(loss-wantLoss) > 1e-5*(1+math.Abs(wantLoss)) {
					t.Errorf("%d passes: loss %v, on the CPU %v", passes, loss, wantLoss)
				}
				worst, at := 0.0, 0
				for i := range want {
					difference := math.Abs(float64(gradients[i]-want[i])) / (1 + math.Abs(float64(want[i])))
					if !(difference <= worst) {
						worst, at = difference, i
					}
				}
				if !(worst <= 1e-5) {
					t.Errorf("%d passes: element %d of the gradients is %v, on the CPU %v", passes, at, gradients[at], want[at])
				}
				again, gradientsAgain, err := p.Run(d, passes)
				if err != nil {
					t.Fatal(err)
				}
				for i, g := range gradientsAgain {
					if math.Float32bits(g) != math.Float32bits(gradients[i]) || again != loss {
						t.Fatalf("%d passes: a second run gives other bits: %v, %v", passes, g, gradients[i])
					}
				}
			}
		})
	}
}
