package kernel

import (
	"unsafe"

	"uer/internal/kernel/routine"
)

// largePage is the size in bytes of a large page where systems have one size: 2 MiB on amd64 and arm64.
const largePage = 2 << 20

// Allocate returns n zeros in memory that begins with a large page, if it is as large as one. The system is asked to use
// large pages there: walking through matrices of hundreds of megabytes on pages of 4 KiB, a core spends much of its time
// on looking up and on first touching them.
func Allocate(n int) []float32 {
	const page = largePage / 4
	if n < page {
		return make([]float32, n)
	}
	memory := make([]float32, routine.RoundUp(n, page)+page)
	misplaced := int(uintptr(unsafe.Pointer(unsafe.SliceData(memory))) % largePage / 4)
	memory = memory[(page-misplaced)%page:][:routine.RoundUp(n, page)]
	adviseLargePages(memory)
	return memory[:n:n]
}
