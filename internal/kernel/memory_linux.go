package kernel

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// adviseLargePages is best effort: a system without large pages refuses, and only speed is lost. The memory, which must hold
// zeros, is first given back to the system, which supplies zeros again when it is touched: where the runtime has cleared
// reused memory, small pages are already there, and untouched memory would count as used.
func adviseLargePages(memory []float32) {
	bytes := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(memory))), 4*len(memory))
	_ = unix.Madvise(bytes, unix.MADV_DONTNEED)
	_ = unix.Madvise(bytes, unix.MADV_HUGEPAGE)
}
