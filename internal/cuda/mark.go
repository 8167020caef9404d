//go:build gpu

package cuda

import (
	"fmt"
	"unsafe"

	"gorgonia.org/cu"
)

// Mark makes the stream write a number to the first element of pinned memory when all that it was given before is done.
// The host can read it at any time, even after the GPU has failed.
func (s *Stream) Mark(p *Pinned[int32], number int32) error {
	if err := s.device.enter(); err != nil {
		return err
	}
	defer s.device.leave()
	at := cu.DevicePtr(uintptr(unsafe.Pointer(&p.Data[0]))) // pinned memory has one address for both
	if err := s.handle.WriteValue32(at, uint32(number), 0); err != nil {
		return failure(err, fmt.Sprintf("marking how far %s is", s))
	}
	return nil
}
