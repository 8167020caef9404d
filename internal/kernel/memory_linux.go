package kernel

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// adviseLargePages is a wish: a system without large pages refuses it, and nothing but speed is lost. The memory holds
// zeros. Where the runtime has written them, because it uses memory again, the pages are given back: they are zeros again
// when they are first touched.
func adviseLargePages(memory []float32) {
	bytes := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(memory))), 4*len(memory))
	_ = unix.Madvise(bytes, unix.MADV_DONTNEED)
	_ = unix.Madvise(bytes, unix.MADV_HUGEPAGE)
}
