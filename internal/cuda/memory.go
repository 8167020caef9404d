//go:build gpu

package cuda

/*
#include "cuda.h"
*/
import "C"

import (
	"fmt"
	"unsafe"

	"gorgonia.org/cu"

	"uer/internal/console"
)

// Buffer is memory on a GPU.
type Buffer struct {
	At    Pointer // aligned to 256 bytes at least; 0 if it has no bytes
	Bytes int64

	device *Device
}

// Allocate takes memory of the GPU, whose contents are undefined. The error is an [OutOfMemory] if there is too little.
func (d *Device) Allocate(bytes int64) (*Buffer, error) {
	b := &Buffer{Bytes: bytes, device: d}
	if bytes == 0 {
		return b, nil
	}
	if err := d.enter(); err != nil {
		return nil, err
	}
	defer d.leave()
	at, err := cu.MemAlloc(bytes)
	if err == cu.OutOfMemory {
		out := &OutOfMemory{GPU: d.String(), Need: bytes, Total: d.Memory}
		out.Free, _, _ = cu.MemInfo()
		return nil, out
	}
	if err != nil {
		return nil, failure(err, fmt.Sprintf("allocating %s on %s", console.Bytes(bytes), d))
	}
	b.At = Pointer(at)
	d.lock.Lock()
	d.buffers[b] = true
	d.lock.Unlock()
	return b, nil
}

// Close gives the memory back, when the GPU has done its work.
func (b *Buffer) Close() error {
	if b.At == 0 {
		return nil
	}
	if err := b.device.enter(); err != nil {
		return err
	}
	defer b.device.leave()
	err := cu.MemFree(cu.DevicePtr(b.At))
	b.At, b.Bytes = 0, 0
	b.device.lock.Lock()
	delete(b.device.buffers, b)
	b.device.lock.Unlock()
	if err != nil {
		return failure(err, fmt.Sprintf("freeing memory of %s", b.device))
	}
	return nil
}

// Pinned is memory of the host that a GPU copies from and to while the host goes on.
type Pinned[T Element] struct {
	Data []T

	device *Device
}

// AllocatePinned makes pinned memory of n elements.
func AllocatePinned[T Element](d *Device, n int) (*Pinned[T], error) {
	p := &Pinned[T]{device: d}
	if n == 0 {
		return p, nil
	}
	if err := d.enter(); err != nil {
		return nil, err
	}
	defer d.leave()
	var at unsafe.Pointer
	bytes := int64(n) * int64(unsafe.Sizeof(p.Data[0]))
	if result := C.cuMemHostAlloc(&at, C.size_t(bytes), C.CU_MEMHOSTALLOC_PORTABLE); result != C.CUDA_SUCCESS {
		name, text := describe(int(result))
		return nil, &Error{
			Doing: fmt.Sprintf("allocating %s of pinned memory for %s", console.Bytes(bytes), d),
			Code:  int(result), Name: name, Text: text,
		}
	}
	p.Data = unsafe.Slice((*T)(at), n)
	return p, nil
}

// Close frees the memory, which no copy may use any more.
func (p *Pinned[T]) Close() error {
	if p.Data == nil {
		return nil
	}
	if err := p.device.enter(); err != nil {
		return err
	}
	defer p.device.leave()
	err := cu.MemFreeHost(unsafe.Pointer(&p.Data[0]))
	p.Data = nil
	if err != nil {
		return failure(err, fmt.Sprintf("freeing pinned memory of %s", p.device))
	}
	return nil
}
