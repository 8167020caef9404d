//go:build gpu

package cuda

/*
#include "cuda.h"

// launch_together builds the list of addresses in C memory, as Go's rules want it.
static CUresult launch_together(CUfunction f, const unsigned int *grid, const unsigned int *block, unsigned int shared,
	CUstream stream, unsigned long long *values, int count)
{
	void *pointers[64];
	for (int i = 0; i < count; i++)
		pointers[i] = &values[i];
	return cuLaunchCooperativeKernel(f, grid[0], grid[1], grid[2], block[0], block[1], block[2], shared, stream, pointers);
}
*/
import "C"

import (
	"fmt"
	"unsafe"
)

// LaunchTogether begins to run a kernel all blocks of which run at the same time, so that they can wait for each other.
// Otherwise it is as Launch.
func (f *Function) LaunchTogether(s *Stream, grid, block Dim, shared int, arguments ...Argument) error {
	if runs, err := f.prepare(grid, shared, arguments); !runs {
		return err
	}
	defer f.device.leave()
	var values [maxArguments]C.ulonglong
	for i, a := range arguments {
		values[i] = C.ulonglong(a.bits)
	}
	var blocks, threads [3]C.uint
	for i := range blocks {
		blocks[i], threads[i] = C.uint(grid[i]), C.uint(block[i])
	}
	function := *(*C.CUfunction)(unsafe.Pointer(&f.handle)) // cu.Function is that handle, and cu.Stream the other
	stream := *(*C.CUstream)(unsafe.Pointer(&s.handle))
	result := C.launch_together(function, &blocks[0], &threads[0], C.uint(shared), stream, &values[0], C.int(len(arguments)))
	if result != C.CUDA_SUCCESS {
		name, text := describe(int(result))
		return &Error{
			Doing: fmt.Sprintf("launching %s with all blocks of the grid %v at the same time", f.Name, grid),
			Code:  int(result), Name: name, Text: text,
		}
	}
	return nil
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
		name, text := describe(int(result))
		return 0, &Error{
			Doing: fmt.Sprintf("asking how many blocks of %s run at the same time", f.Name), Code: int(result), Name: name, Text: text,
		}
	}
	return int(blocks) * f.device.Multiprocessors, nil
}
