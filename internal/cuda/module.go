//go:build gpu

package cuda

/*
#include "cuda.h"
*/
import "C"

import (
	"bytes"
	"fmt"
	"strings"
	"unsafe"

	"gorgonia.org/cu"
)

// Module is a set of kernels on a GPU.
type Module struct {
	device     *Device
	name       string
	handle     cu.Module
	parameters map[string][]kind // of each kernel; empty for a module in machine code
	functions  map[string]*Function
}

// Load brings kernels to the GPU: PTX, which the driver compiles (once: it keeps what it made), or machine code. The
// error tells what the compiler says.
func (d *Device) Load(name string, image []byte) (*Module, error) {
	m := &Module{device: d, name: name, functions: map[string]*Function{}}
	var err error
	if m.parameters, err = parametersOf(image); err != nil {
		return nil, fmt.Errorf("loading %s: %w", name, err)
	}
	if err := d.enter(); err != nil {
		return nil, err
	}
	defer d.leave()
	log := make([]byte, 8<<10)
	m.handle, err = cu.LoadDataEx(string(image), &cu.JITErrorLogBuffer{Buffer: log})
	if err != nil {
		failed := failure(err, fmt.Sprintf("loading the kernels %s on %s", name, d))
		text, _, _ := bytes.Cut(log, []byte{0})
		if said := strings.TrimSpace(string(text)); said != "" {
			failed.Text = said
		}
		return nil, failed
	}
	return m, nil
}

// Close removes the kernels from the GPU.
func (m *Module) Close() error {
	if m.handle == (cu.Module{}) {
		return nil
	}
	if err := m.device.enter(); err != nil {
		return err
	}
	defer m.device.leave()
	err := m.handle.Unload()
	m.handle = cu.Module{}
	if err != nil {
		return failure(err, fmt.Sprintf("unloading the kernels %s from %s", m.name, m.device))
	}
	return nil
}

// Function is a kernel that can be launched.
type Function struct {
	Name         string
	Registers    int // of a thread
	LocalBytes   int // of a thread: arrays and spilled registers
	StaticShared int // bytes of shared memory that a block always has
	MaxThreads   int // in a block

	device     *Device
	handle     cu.Function
	parameters []kind
	known      bool // parameters are known
	dynamic    int  // bytes of shared memory that a launch may add so far
}

// defaultShared is how much shared memory a block has unless its kernel asks for more.
const defaultShared = 48 << 10

// Function finds a kernel by name.
func (m *Module) Function(name string) (*Function, error) {
	if f, ok := m.functions[name]; ok {
		return f, nil
	}
	f := &Function{Name: name, device: m.device}
	f.parameters, f.known = m.parameters[name]
	if err := m.device.enter(); err != nil {
		return nil, err
	}
	defer m.device.leave()
	var err error
	if f.handle, err = m.handle.Function(name); err != nil {
		return nil, failure(err, fmt.Sprintf("finding kernel %s in %s", name, m.name))
	}
	for _, a := range []struct {
		attribute cu.FunctionAttribute
		value     *int
	}{
		{cu.NumRegs, &f.Registers}, {cu.LocalSizeBytes, &f.LocalBytes},
		{cu.SharedSizeBytes, &f.StaticShared}, {cu.FnMaxThreadsPerBlock, &f.MaxThreads},
	} {
		if *a.value, err = f.handle.Attribute(a.attribute); err != nil {
			return nil, failure(err, fmt.Sprintf("describing kernel %s", name))
		}
	}
	f.dynamic = defaultShared - f.StaticShared
	m.functions[name] = f
	return f, nil
}

// allow lets launches add that many bytes of shared memory, which the driver wants to be told once beyond 48 KB.
func (f *Function) allow(shared int) error {
	if most := f.device.SharedMemory - f.StaticShared; shared > most {
		return fmt.Errorf("%s needs %d bytes of shared memory, and a block of %s has at most %d",
			f.Name, shared, f.device, most)
	}
	if err := f.device.enter(); err != nil {
		return err
	}
	defer f.device.leave()
	handle := *(*C.CUfunction)(unsafe.Pointer(&f.handle)) // cu.Function is that handle
	result := C.cuFuncSetAttribute(handle, C.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, C.int(shared))
	if result != C.CUDA_SUCCESS {
		return failed(result, fmt.Sprintf("giving %s %d bytes of shared memory", f.Name, shared))
	}
	f.dynamic = shared
	return nil
}
