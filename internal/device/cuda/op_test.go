package cuda

import (
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

// TestOps compares every operation and every update with the CPU, also where gradients add up, and wants the same bits
// from a second run.
func TestOps(t *testing.T) {
	d := open(t)
	processor, err := cpu.New(cpu.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer processor.Close()
	trials, err := devicetest.Trials()
	if err != nil {
		t.Fatal(err)
	}
	for _, trial := range trials {
		t.Run(trial.Name, func(t *testing.T) {
			c, err := trial.Compare(d, processor)
			if err != nil {
				t.Fatal(err)
			}
			if !c.Right() {
				t.Errorf("worst difference from the CPU %v, the same bits twice: %v", c.Worst, c.Repeats)
			}
		})
	}
}
