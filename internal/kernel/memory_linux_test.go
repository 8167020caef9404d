package kernel

import (
	"os"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// TestAllocateTakesNoMemory: what nobody touches stays away from the machine's memory, and what somebody touches brings no
// more than its large page with it.
func TestAllocateTakesNoMemory(t *testing.T) {
	page := os.Getpagesize()
	memory := Allocate(64 << 20)
	memory[len(memory)/2] = 1
	resident := make([]byte, 4*len(memory)/page)
	_, _, err := unix.Syscall(unix.SYS_MINCORE, uintptr(unsafe.Pointer(unsafe.SliceData(memory))), uintptr(4*len(memory)),
		uintptr(unsafe.Pointer(unsafe.SliceData(resident))))
	if err != 0 {
		t.Skip("mincore: ", err)
	}
	pages := 0
	for _, r := range resident {
		pages += int(r & 1)
	}
	if pages < 1 || pages > largePage/page {
		t.Errorf("%d pages of %d bytes are in memory after one element was written", pages, page)
	}
}
