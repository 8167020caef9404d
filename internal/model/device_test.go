package model

import (
	"slices"
	"testing"

	"uer/internal/device"
	"uer/internal/device/cpu"
	"uer/internal/device/cuda"
	"uer/internal/device/cuda/gputest"
	"uer/internal/graph"
)

// processor is the instruction set and the threads that a test computes with.
type processor struct {
	set     string // the best one if empty
	threads int
	gpu     bool // the first GPU instead
}

// open returns a device.
func (p processor) open(t testing.TB, precision string) (device.Device, error) {
	t.Helper()
	if p.gpu {
		return cuda.New(cuda.Options{Precision: precision})
	}
	if p.set != "" {
		t.Setenv("UER_CPU", p.set)
	}
	return cpu.New(cpu.Options{Threads: p.threads, Precision: precision})
}

// activations is how devices store them in a precision.
func (processor) activations(precision string) graph.Type {
	if precision == "bf16" {
		return graph.BFloat16
	}
	return graph.Float32
}

// need skips a test of a precision that the processor lacks, or of a GPU where there is none.
func (p processor) need(t testing.TB, precision string) {
	t.Helper()
	if p.gpu {
		gputest.Need(t)
		return
	}
	d, err := p.open(t, precision)
	if err != nil {
		t.Skip(err)
	}
	d.Close()
}

// loaded is a program on a device.
type loaded struct {
	device  device.Device
	memory  device.Memory
	pass    device.Executable
	layout  graph.Layout
	inputs  device.Inputs
	outputs []float64 // of the last run
}

// load loads a program on a new device, with these parameters.
func (p processor) load(t testing.TB, precision string, program *graph.Program, layout graph.Layout, parameters []float32) *loaded {
	t.Helper()
	d, err := p.open(t, precision)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	l := &loaded{device: d, layout: layout}
	if l.memory, err = d.Allocate(layout); err != nil {
		t.Fatal(err)
	}
	if l.pass, err = d.Load(program, l.memory); err != nil {
		t.Fatal(err)
	}
	if err := l.memory.Write(graph.InParameters, 0, parameters); err != nil {
		t.Fatal(err)
	}
	return l
}

// set changes one input of the following runs.
func (l *loaded) set(name string, data ...int32) {
	l.inputs = slices.DeleteFunc(l.inputs, func(i device.Input) bool { return i.Name == name })
	l.inputs = append(l.inputs, device.Input{Name: name, Data: data})
}

// run computes the outputs and the gradients for the current inputs.
func (l *loaded) run(t testing.TB, run device.Run) {
	t.Helper()
	if err := l.pass.Feed(l.inputs); err != nil {
		t.Fatal(err)
	}
	if err := l.pass.Run(run); err != nil {
		t.Fatal(err)
	}
	l.outputs = figures(t, l.pass)
}

// figures returns the outputs of the only run that has not been read.
func figures(t testing.TB, e device.Executable) []float64 {
	t.Helper()
	list, err := e.Figures(true)
	if err != nil || len(list) != 1 {
		t.Fatalf("figures of %d runs, error %v", len(list), err)
	}
	return list[0].Outputs
}

// parameters returns a copy of the parameters, gradients one of the gradients.
func (l *loaded) parameters(t testing.TB) []float32 { return l.read(t, graph.InParameters) }
func (l *loaded) gradients(t testing.TB) []float32  { return l.read(t, graph.InGradients) }

func (l *loaded) read(t testing.TB, p graph.Place) []float32 {
	t.Helper()
	values := make([]float32, l.layout.ParameterSize)
	if err := l.memory.Read(p, 0, values); err != nil {
		t.Fatal(err)
	}
	return values
}
