package devicetest

import (
	"math"
	"testing"

	"uer/internal/device"
	"uer/internal/device/cpu"
	"uer/internal/graph"
)

// open makes a CPU device with one of the instruction sets.
func open(t *testing.T, set string) device.Device {
	t.Helper()
	d, err := cpu.New(cpu.Options{Threads: 1, Set: set})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// TestTrials compares the best instruction set with plain Go.
func TestTrials(t *testing.T) {
	best, reference := open(t, ""), open(t, "portable")
	trials, err := Trials("fp32")
	if err != nil {
		t.Fatal(err)
	}
	for _, trial := range trials {
		c, err := trial.Compare(best, reference)
		if err != nil {
			t.Fatalf("%s: %v", trial.Name, err)
		}
		if !c.Right() {
			t.Errorf("%s: worst difference %v, the same bits twice: %v", trial.Name, c.Worst, c.Repeats)
		}
	}
}

// faulty is a CPU whose memory reads an element wrong, from a number of reads on.
type faulty struct {
	device.Device
	reads *int
	from  int
	value float32
}

type faultyMemory struct {
	device.Memory
	*faulty
}

func (f *faulty) Allocate(layout graph.Layout) (device.Memory, error) {
	m, err := f.Device.Allocate(layout)
	return faultyMemory{m, f}, err
}

func (f *faulty) Load(p *graph.Program, m device.Memory) (device.Executable, error) {
	return f.Device.Load(p, m.(faultyMemory).Memory)
}

func (m faultyMemory) Read(p graph.Place, offset int, to []float32) error {
	err := m.Memory.Read(p, offset, to)
	if *m.reads++; *m.reads > m.from {
		to[len(to)/2] += m.value
	}
	return err
}

// TestCompareFindsFaults gives wrong values, values that are no numbers, and values that are wrong the second time.
func TestCompareFindsFaults(t *testing.T) {
	reference := open(t, "portable")
	trials, err := Trials("fp32")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name          string
		from          int
		value         float32
		near, repeats bool
	}{
		{"none", 0, 0, true, true},
		{"large", 0, 1e-2, false, true},
		{"not a number", 0, float32(math.NaN()), false, true},
		{"second run", 2, 1e-2, true, false},
	} {
		for _, trial := range []Trial{trials[0], trials[len(trials)-1]} { // an update and a case
			c, err := trial.Compare(&faulty{reference, new(int), test.from, test.value}, reference)
			if err != nil {
				t.Fatal(err)
			}
			if near := c.Worst <= c.tolerance; near != test.near || c.Repeats != test.repeats || c.Right() != (near && c.Repeats) {
				t.Errorf("fault %q, %s: %+v", test.name, trial.Name, c)
			}
		}
	}
}
