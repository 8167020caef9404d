package kernel

import (
	"fmt"
	"testing"
	"unsafe"
)

func TestAllocate(t *testing.T) {
	const page = largePage / 4
	for _, n := range []int{0, 1, page - 1, page, page + 1, 3*page + 5} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			memory := Allocate(n)
			if len(memory) != n || n >= page && cap(memory) != n {
				t.Fatalf("%d elements with room for %d, want %d", len(memory), cap(memory), n)
			}
			for i, x := range memory {
				if x != 0 {
					t.Fatalf("element %d is %v", i, x)
				}
			}
			if address := uintptr(unsafe.Pointer(unsafe.SliceData(memory))); n >= page && address%largePage != 0 {
				t.Errorf("begins %d bytes after a large page's start", address%largePage)
			}
		})
	}
}
