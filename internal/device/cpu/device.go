// Package cpu is the device that computes on the processor's cores. It has one kernel for each operation of package op, in a
// file of the operation's name; table.go lists them. A kernel binds an operation to routines of package kernel.
package cpu

import (
	"errors"
	"fmt"

	"uer/internal/collective"
	"uer/internal/console"
	"uer/internal/device"
	"uer/internal/graph"
	"uer/internal/kernel"
)

// Precisions are the number formats of the factors of matrix products, by their names. Everything else is in float32.
var Precisions = map[string]kernel.Precision{"fp32": kernel.Float32, "bf16": kernel.BFloat16}

// Device runs programs on a share of the processor's threads. It implements device.Device.
type Device struct {
	kernel    *kernel.CPU
	precision kernel.Precision
	name      string
	ranks     collective.Collective // nil without other ranks
	scratch   []float32
	memories  []*memory
}

// Options of a device.
type Options struct {
	Threads   int    // 0 for all cores
	Precision string // a key of Precisions; "" is fp32
	// Ranks connects the device to those of the other replicas, whose gradients it sums with its own; nil if there are none.
	Ranks collective.Collective
}

// New makes a device with the best instruction set of this machine, or the one that UER_CPU names.
func New(o Options) (*Device, error) {
	if o.Precision == "" {
		o.Precision = "fp32"
	}
	precision, ok := Precisions[o.Precision]
	if !ok {
		return nil, fmt.Errorf("the CPU has no precision %q", o.Precision)
	}
	k, err := kernel.New(o.Threads)
	if err != nil {
		return nil, err
	}
	if precision == kernel.BFloat16 && !k.SupportsBF16() {
		k.Close()
		return nil, console.Hint(fmt.Errorf("--precision bf16: the CPU, with %s, has no products in bfloat16", k.Name()),
			"leave out --precision; bfloat16 needs AVX-512 BF16")
	}
	unit := "threads"
	if k.Threads() == 1 {
		unit = "thread"
	}
	name := fmt.Sprintf("CPU (%s, %s, %d %s)", k.Name(), o.Precision, k.Threads(), unit)
	return &Device{kernel: k, precision: precision, name: name, ranks: o.Ranks}, nil
}

// Name implements device.Device, as do the methods below.
func (d *Device) Name() string { return d.name }

// Allocate makes memory for one replica.
func (d *Device) Allocate(layout graph.Layout) (device.Memory, error) {
	m := newMemory(layout, d.ranks)
	d.memories = append(d.memories, m)
	return m, nil
}

// Load prepares a program.
func (d *Device) Load(p *graph.Program, m device.Memory) (device.Executable, error) {
	own, ok := m.(*memory)
	if !ok {
		return nil, errors.New("the memory belongs to another device")
	}
	return load(d, p, own)
}

// Close stops the threads. No run may be under way.
func (d *Device) Close() error {
	var errs []error
	for _, m := range d.memories {
		errs = append(errs, m.wait())
	}
	d.kernel.Close()
	return errors.Join(errs...)
}

// floats is scratch memory for one operation. It grows to the largest use and is kept.
func (d *Device) floats(n int) []float32 {
	if n > len(d.scratch) {
		d.scratch = kernel.Allocate(n)
	}
	return d.scratch[:n]
}
