package cuda

import (
	"strings"
	"testing"

	"uer/internal/device"
	"uer/internal/device/cpu"
	"uer/internal/device/cuda/gputest"
	"uer/internal/device/devicetest"
)

// openIn makes a device that computes in a precision, or skips the test and says why there is none.
func openIn(t testing.TB, precision string) *Device {
	t.Helper()
	gputest.Need(t)
	d, err := New(Options{Precision: precision})
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
	for _, precision := range []string{"fp32", "tf32", "bf16"} {
		t.Run(precision, func(t *testing.T) { testOps(t, openIn(t, precision), precision) })
	}
}

func testOps(t *testing.T, d *Device, precision string) {
	processor := openProcessor(t)
	trials, err := devicetest.Trials(precision)
	if err != nil {
		t.Fatal(err)
	}
	for _, trial := range trials {
		t.Run(trial.Name, func(t *testing.T) {
			compare(t, trial, d, processor)
		})
	}
}

func compare(t *testing.T, trial devicetest.Trial, d, processor device.Device) {
	t.Helper()
	c, err := trial.Compare(d, processor)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("worst difference from the CPU %v", c.Worst)
	if !c.Right() {
		t.Errorf("worst difference from the CPU %v, the same bits twice: %v", c.Worst, c.Repeats)
	}
}

// TestCrossEntropyInChunks: the cross entropies are right where only two rows of logits exist at a time.
func TestCrossEntropyInChunks(t *testing.T) {
	for _, precision := range []string{"fp32", "bf16"} {
		d := openIn(t, precision)
		d.logits = 2 * 9 // classes
		processor := openProcessor(t)
		trials, err := devicetest.Trials(precision)
		if err != nil {
			t.Fatal(err)
		}
		for _, trial := range trials {
			if strings.HasPrefix(trial.Name, "cross entropy") {
				t.Run(precision+"/"+trial.Name, func(t *testing.T) { compare(t, trial, d, processor) })
			}
		}
	}
}

func openProcessor(t *testing.T) device.Device {
	t.Helper()
	d, err := cpu.New(cpu.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}
