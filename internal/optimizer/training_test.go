package optimizer

import (
	"cmp"
	"testing"

	"uer/internal/device"
	"uer/internal/device/cpu"
	"uer/internal/graph"
)

// training is an optimizer whose updates the CPU computes.
type training struct {
	*Optimizer
	memory  device.Memory
	program device.Executable
	norm    float64 // of the last update
	halted  bool
}

func newTraining(t testing.TB, threads int, s Settings, layout graph.Layout, parameters, gradients []float32) *training {
	t.Helper()
	s.Name = cmp.Or(s.Name, "adamw")
	if s.Schedule == nil {
		s.Schedule = constant(Plan{})
	}
	o, err := New(s, layout)
	if err != nil {
		t.Fatal(err)
	}
	d, err := cpu.New(cpu.Options{Threads: threads})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	r := &training{Optimizer: o}
	if r.memory, err = d.Allocate(o.Program.Layout); err != nil {
		t.Fatal(err)
	}
	if r.program, err = d.Load(o.Program, r.memory); err != nil {
		t.Fatal(err)
	}
	r.write(t, graph.InParameters, parameters)
	r.write(t, graph.InGradients, gradients)
	return r
}

func (r *training) write(t testing.TB, p graph.Place, values []float32) {
	t.Helper()
	if err := r.memory.Write(p, 0, values); err != nil {
		t.Fatal(err)
	}
}

// read copies the parameters or the optimizer state.
func (r *training) read(t testing.TB, p graph.Place) []float32 {
	t.Helper()
	size := map[graph.Place]int{graph.InParameters: r.Program.ParameterSize, graph.InState: r.Program.StateSize}[p]
	values := make([]float32, size)
	if err := r.memory.Read(p, 0, values); err != nil {
		t.Fatal(err)
	}
	return values
}

// step updates the parameters with scale times the gradients, and returns the learning rate.
func (r *training) step(t testing.TB, scale float64) (rate float64) {
	t.Helper()
	number, rate := r.Next()
	if err := r.program.Run(device.Run{Update: device.Update{Number: number, Rate: rate, Scale: scale}}); err != nil {
		t.Fatal(err)
	}
	figures, err := r.program.Figures(true)
	if err != nil || len(figures) != 1 {
		t.Fatalf("figures of %d updates, error %v", len(figures), err)
	}
	r.norm, r.halted = figures[0].Outputs[Norm], figures[0].Outputs[Halted] != 0
	return rate
}
