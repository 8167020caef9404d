//go:build gpu

package cuda

/*
#include "cuda.h"

#cgo noescape begin_kernel
#cgo nocallback begin_kernel

// begin_kernel turns to a context and launches: both in one call from Go, because each takes a while. It builds the list of
// addresses, which Go may not pass.
static CUresult begin_kernel(CUcontext context, CUfunction f, const unsigned int *grid, const unsigned int *block,
	unsigned int shared, CUstream stream, unsigned long long *values, int count, int together)
{
	void *pointers[64];
	for (int i = 0; i < count; i++)
		pointers[i] = &values[i];
	CUresult result = cuCtxSetCurrent(context);
	if (result != CUDA_SUCCESS)
		return result;
	if (together)
		return cuLaunchCooperativeKernel(f, grid[0], grid[1], grid[2], block[0], block[1], block[2], shared, stream, pointers);
	return cuLaunchKernel(f, grid[0], grid[1], grid[2], block[0], block[1], block[2], shared, stream, pointers, NULL);
}
*/
import "C"

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
	result, err := f.begin(s, grid, block, shared, arguments, 0)
	if err == nil && result != C.CUDA_SUCCESS {
		err = failed(result, fmt.Sprintf("launching %s with grid %v, block %v, %d bytes of shared memory", f.Name, grid, block, shared))
	}
	return err
}

// LaunchTogether begins to run a kernel all blocks of which run at the same time, so that they can wait for each other.
// Otherwise it is as Launch.
func (f *Function) LaunchTogether(s *Stream, grid, block Dim, shared int, arguments ...Argument) error {
	result, err := f.begin(s, grid, block, shared, arguments, 1)
	if err == nil && result != C.CUDA_SUCCESS {
		err = failed(result, fmt.Sprintf("launching %s with all blocks of the grid %v at the same time", f.Name, grid))
	}
	return err
}

// begin launches.
func (f *Function) begin(s *Stream, grid, block Dim, shared int, arguments []Argument, together C.int) (C.CUresult, error) {
	if err := f.check(arguments); err != nil {
		return 0, err
	}
	if grid[0] == 0 || grid[1] == 0 || grid[2] == 0 {
		return 0, nil
	}
	if f.device.closed {
		return 0, fmt.Errorf("%s is closed", f.device)
	}
	if shared > f.dynamic {
		if err := f.allow(shared); err != nil {
			return 0, err
		}
	}
	var values [maxArguments]C.ulonglong
	for i, a := range arguments {
		values[i] = C.ulonglong(a.bits)
	}
	var blocks, threads [3]C.uint
	for i := range blocks {
		blocks[i], threads[i] = C.uint(grid[i]), C.uint(block[i])
	}
	// What package cu has are these handles.
	context, function := *(*C.CUcontext)(unsafe.Pointer(&f.device.context)), *(*C.CUfunction)(unsafe.Pointer(&f.handle))
	stream := *(*C.CUstream)(unsafe.Pointer(&s.handle))
	return C.begin_kernel(context, function, &blocks[0], &threads[0], C.uint(shared), stream, &values[0],
		C.int(len(arguments)), together), nil
}

// failed describes a result of the driver.
func failed(result C.CUresult, doing string) *Error {
	name, text := describe(int(result))
	return &Error{Doing: doing, Code: int(result), Name: name, Text: text}
}

// MostTogether is how many blocks of so many threads LaunchTogether can run.
func (f *Function) MostTogether(threads, shared int) (int, error) {
	if err := f.device.enter(); err != nil {
		return 0, err
	}
	defer f.device.leave()
	function := *(*C.CUfunction)(unsafe.Pointer(&f.handle))
	var blocks C.int
	if result := C.cuOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, function, C.int(threads), C.size_t(shared)); result != C.CUDA_SUCCESS {
		return 0, failed(result, fmt.Sprintf("asking how many blocks of %s run at the same time", f.Name))
	}
	return int(blocks) * f.device.Multiprocessors, nil
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
