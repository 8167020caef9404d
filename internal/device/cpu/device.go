// Package cpu is the device that computes on the cores of the processor. Its [Device] implements device.Device.
//
// Each operation of package op has a kernel here, in a file named after the operation: a function that binds the
// operation to methods of [kernel.CPU]. table.go lists the kernels and says what they can do. When a program is loaded,
// its arena is planned and every instruction is bound to its kernel. A run computes the instructions in order and returns
// when they are done; only the sums of gradients over ranks go on in the background.
package cpu

import (
	"errors"
	"fmt"

	"uer/internal/collective"
	"uer/internal/device"
	"uer/internal/graph"
	"uer/internal/kernel"
	"uer/internal/machine"
	"uer/internal/registry"
)

// Precisions holds the number formats of the factors in matrix products, by name. Everything else is computed in float32; in
// bf16 the activations are stored in that format, too.
var Precisions = map[string]kernel.Precision{
	"fp32": kernel.Float32, "bf16": kernel.BFloat16, "bf16x3": kernel.BFloat16x3, "bf16x6": kernel.BFloat16x6,
}

// Note is what a user of a precision should know about this machine, "" if nothing.
func Note(precision string) string {
	p, known := Precisions[precision]
	if !known || kernel.HasInstructions(kernel.Choose(p), p) {
		return ""
	}
	if err := kernel.Refusal(); err != nil {
		return fmt.Sprintf("the system refuses AMX to this process (%v), so %s is slower than fp32", err, precision)
	}
	return fmt.Sprintf("without AMX, %s is computed in float32 and slower than fp32", precision)
}

// Device runs programs on a share of the processor's threads. It implements device.Device.
type Device struct {
	kernel    *kernel.CPU
	precision kernel.Precision
	name      string
	ranks     collective.Collective // nil if there are no other ranks
	failure   error                 // of an exchange with the other ranks in the middle of a run
	scratch   []float32
	memories  []*memory
	free      int64 // memory of the machine that is neither used nor promised; -1 if that is not known
}

// Options are the options of a device.
type Options struct {
	Threads   int    // 0 for all cores
	Precision string // a key of Precisions; "" for fp32
	Set       string // instruction set; "" for the best one of this machine, or the one that UER_CPU names
	// Ranks connects the device to those of the other replicas, to sum their gradients; nil if there are none.
	Ranks collective.Collective
}

// New returns a device that computes on the processor.
func New(o Options) (*Device, error) {
	if o.Precision == "" {
		o.Precision = "fp32"
	}
	precision, err := registry.Find(Precisions, "precision", o.Precision)
	if err != nil {
		return nil, err
	}
	k, err := newKernels(o, precision)
	if err != nil {
		return nil, err
	}
	unit := "threads"
	if k.Threads() == 1 {
		unit = "thread"
	}
	name := fmt.Sprintf("CPU (%s, %s, %d %s)", k.Name(), o.Precision, k.Threads(), unit)
	d := &Device{kernel: k, precision: precision, name: name, ranks: o.Ranks, free: -1}
	if free, known := machine.Available(); known {
		d.free = free
	}
	return d, nil
}

func newKernels(o Options, precision kernel.Precision) (*kernel.CPU, error) {
	if o.Set != "" {
		return kernel.NewWith(o.Set, o.Threads)
	}
	return kernel.New(o.Threads, precision)
}

// Name implements device.Device, as do the methods below.
func (d *Device) Name() string { return d.name }

// Activations are stored in bfloat16 where products read them so: with more parts, they have the precision of float32.
func (d *Device) Activations() graph.Type {
	if d.precision == kernel.BFloat16 {
		return graph.BFloat16
	}
	return graph.Float32
}

// Allocate returns memory for one replica.
func (d *Device) Allocate(layout graph.Layout) (device.Memory, error) {
	if err := d.reserve("parameters, gradients and optimizer state", 2*layout.ParameterSize+layout.StateSize); err != nil {
		return nil, err
	}
	m := newMemory(layout, d.ranks)
	// What touches memory first decides on which node of the machine it lies. Gradients, state and values are first touched by
	// the threads that compute them; parameters would be by the one that copies them here, all on its node.
	d.kernel.Fill(m.parameters, 0)
	d.memories = append(d.memories, m)
	return m, nil
}

// Load prepares a program to run on a memory of this device.
func (d *Device) Load(p *graph.Program, m device.Memory) (device.Executable, error) {
	own, ok := m.(*memory)
	if !ok {
		return nil, errors.New("the memory belongs to another device")
	}
	return load(d, p, own)
}

// Limits implements device.Device. They are not measured.
func (d *Device) Limits() (device.Limits, error) { return device.Limits{}, nil }

// Close stops the threads, once the sums of gradients are done. No run may be in progress.
func (d *Device) Close() error {
	var errs []error
	for _, m := range d.memories {
		errs = append(errs, m.wait())
	}
	d.kernel.Close()
	return errors.Join(errs...)
}

// reserve promises memory for elements of float32. The system itself would promise more than it has, and end the process
// when it is used.
func (d *Device) reserve(what string, elements int) error {
	if d.free < 0 {
		return nil
	}
	if int64(elements) > d.free/4 {
		return &device.MemoryError{What: what, Needed: 4 * int64(elements), Free: d.free}
	}
	d.free -= 4 * int64(elements)
	return nil
}

// stored returns scratch memory as an array of n numbers that are stored as activations are.
func (d *Device) stored(memory []float32, n int) kernel.Array {
	return arrayIn(d.Activations(), memory, n)
}

// storedSize is how many float32s of memory n of them take.
func (d *Device) storedSize(n int) int { return sizeIn(d.Activations(), n) }

// arrayIn is the beginning of memory as n numbers of a type, sizeIn how many float32s of memory they take.
func arrayIn(t graph.Type, memory []float32, n int) kernel.Array {
	if t == graph.BFloat16 {
		return kernel.HalvesIn(memory, n)
	}
	return kernel.Floats(memory[:n:n])
}

func sizeIn(t graph.Type, n int) int {
	if t == graph.BFloat16 {
		return kernel.HalvesSize(n)
	}
	return n
}

// stagingScratch is how much memory kernels take for activations in bfloat16.
func (d *Device) stagingScratch() int {
	if d.Activations() == graph.BFloat16 {
		return d.kernel.StagingScratch()
	}
	return 0
}

// floats returns scratch memory for one operation. It is kept, and grows to the largest use.
func (d *Device) floats(n int) []float32 {
	if n > len(d.scratch) {
		d.scratch = kernel.Allocate(n)
	}
	return d.scratch[:n]
}
