package kernel

import (
	"unsafe"

	"uer/internal/kernel/routine"
)

// largePage is the size in bytes of a large page where systems have one size: 2 MiB on amd64 and arm64.
const largePage = 2 << 20

// Allocate returns n zeros. If they fill a large page they begin on one, and the system is asked for large pages: in
// matrices of hundreds of megabytes on pages of 4 KiB, a core spends much of its time looking pages up and first touching
// them.
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
