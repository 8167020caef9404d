//go:build gpu

package cuda

import (
	"fmt"
	"unsafe"
)

// maxArguments is how many arguments a kernel may take.
const maxArguments = 64

// Launch begins to run a kernel with that many bytes of dynamic shared memory. The arguments are compared with what the
// kernel declares. A grid without blocks runs nothing.
//
// It makes no garbage: a training step launches hundreds of kernels.
func (f *Function) Launch(s *Stream, grid, block Dim, shared int, arguments ...Argument) error {
	if runs, err := f.prepare(grid, shared, arguments); !runs {
		return err
	}
	defer f.device.leave()
	// Package cu takes a pointer to eight bytes for each argument, and copies them.
	var values [maxArguments]uint64
	var pointers [maxArguments]unsafe.Pointer
	for i, a := range arguments {
		values[i] = a.bits
		pointers[i] = unsafe.Pointer(&values[i])
	}
	err := f.handle.Launch(grid[0], grid[1], grid[2], block[0], block[1], block[2], shared, s.handle,
		pointers[:len(arguments)])
	if err != nil {
		return failure(err, fmt.Sprintf("launching %s with grid %v, block %v, %d bytes of shared memory",
			f.Name, grid, block, shared))
	}
	return nil
}

// prepare prepares a launch. If it runs, the device is entered, and the caller leaves it.
func (f *Function) prepare(grid Dim, shared int, arguments []Argument) (runs bool, err error) {
	if err := f.check(arguments); err != nil {
		return false, err
	}
	if grid[0] == 0 || grid[1] == 0 || grid[2] == 0 {
		return false, nil
	}
	if err := f.device.enter(); err != nil {
		return false, err
	}
	if shared > f.dynamic {
		if err := f.allow(shared); err != nil {
			f.device.leave()
			return false, err
		}
	}
	return true, nil
}

// check compares arguments with what the kernel declares.
func (f *Function) check(arguments []Argument) error {
	if f.known {
		if err := checkArguments(f.Name, f.parameters, arguments); err != nil {
			return err
		}
	}
	if len(arguments) > maxArguments {
		return fmt.Errorf("%s has %d arguments, at most %d can be passed", f.Name, len(arguments), maxArguments)
	}
	return nil
}

// checkArguments compares arguments with the parameters that a kernel declares.
func checkArguments(kernel string, parameters []kind, arguments []Argument) error {
	if len(arguments) != len(parameters) {
		return fmt.Errorf("%s takes %d arguments, got %d", kernel, len(parameters), len(arguments))
	}
	for i, p := range parameters {
		if a := arguments[i]; a.kind != p {
			return fmt.Errorf("%s: argument %d is %s, the kernel takes %s", kernel, i, a.kind, p)
		}
	}
	return nil
}
