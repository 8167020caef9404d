package cli

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"uer/internal/device"
	"uer/internal/device/cpu"
	"uer/internal/graph"
	"uer/internal/optimizer"
)

// faulty is a CPU that spoils what it computes.
type faulty struct {
	device.Device
	spoil func(to []float32)
}

type faultyMemory struct {
	device.Memory
	spoil func(to []float32)
}

func (f faulty) Allocate(layout graph.Layout) (device.Memory, error) {
	m, err := f.Device.Allocate(layout)
	return faultyMemory{m, f.spoil}, err
}

func (f faulty) Load(p *graph.Program, m device.Memory) (device.Executable, error) {
	return f.Device.Load(p, m.(faultyMemory).Memory)
}

func (m faultyMemory) Read(p graph.Place, offset int, to []float32) error {
	err := m.Memory.Read(p, offset, to)
	if p == graph.InState { // only updates have one
		m.spoil(to)
	}
	return err
}

// TestSelftestFindsFaults wants an error and a verdict that names the operations, for values that are wrong, that are no
// numbers, or that differ from run to run.
func TestSelftestFindsFaults(t *testing.T) {
	processor, err := cpu.New(cpu.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer processor.Close()
	calls := 0
	for _, test := range []struct {
		name, row string
		wrong     int
		spoil     func(to []float32)
	}{
		{"none", "  ok\n", 0, func([]float32) {}},
		{"wrong", "  WRONG\n", len(optimizer.ByName), func(to []float32) { to[0] += 0.01 }},
		{"not a number", "+Inf  WRONG\n", len(optimizer.ByName), func(to []float32) { to[0] = float32(math.NaN()) }},
		{"other bits", "  WRONG: a second run gives other bits\n", len(optimizer.ByName), func(to []float32) {
			calls++
			to[0] *= 1 + float32(calls)*1e-6
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out bytes.Buffer
			err := runTrials(t.Context(), faulty{processor, test.spoil}, "fp32", &out)
			if (err != nil) != (test.wrong > 0) {
				t.Errorf("error %v", err)
			}
			if !strings.Contains(out.String(), test.row) {
				t.Errorf("no row ends in %q:\n%s", test.row, &out)
			}
			lines := strings.Split(strings.TrimSpace(out.String()), "\n")
			var v verdict
			if err := json.Unmarshal([]byte(lines[len(lines)-1]), &v); err != nil {
				t.Fatal(err)
			}
			if len(v.Wrong) != test.wrong || v.Operations != len(lines)-2 || v.Device != processor.Name() {
				t.Errorf("verdict %+v", v)
			}
		})
	}
}
