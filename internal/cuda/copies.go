//go:build gpu

package cuda

import (
	"fmt"
	"unsafe"

	"gorgonia.org/cu"
)

// Upload begins to copy data to the GPU. [Pinned] data is read when the stream comes to it; other data has been read
// when Upload returns.
func Upload[T Element](s *Stream, to Pointer, from []T) error {
	if len(from) == 0 {
		return nil
	}
	if err := s.device.enter(); err != nil {
		return err
	}
	defer s.device.leave()
	bytes := int64(len(from)) * int64(unsafe.Sizeof(from[0]))
	if err := cu.MemcpyHtoDAsync(cu.DevicePtr(to), unsafe.Pointer(&from[0]), bytes, s.handle); err != nil {
		return failure(err, fmt.Sprintf("copying %d bytes to %s", bytes, s.device))
	}
	return nil
}

// Download begins to copy data from the GPU. [Pinned] data is there when the stream has passed it; other data is there
// when Download returns.
func Download[T Element](s *Stream, to []T, from Pointer) error {
	if len(to) == 0 {
		return nil
	}
	if err := s.device.enter(); err != nil {
		return err
	}
	defer s.device.leave()
	bytes := int64(len(to)) * int64(unsafe.Sizeof(to[0]))
	if err := cu.MemcpyDtoHAsync(unsafe.Pointer(&to[0]), cu.DevicePtr(from), bytes, s.handle); err != nil {
		return failure(err, fmt.Sprintf("copying %d bytes from %s", bytes, s.device))
	}
	return nil
}

// Copy begins to copy bytes within the GPU. The two places must not overlap.
func (s *Stream) Copy(to, from Pointer, bytes int64) error {
	if bytes == 0 {
		return nil
	}
	if err := s.device.enter(); err != nil {
		return err
	}
	defer s.device.leave()
	if err := cu.MemcpyDtoDAsync(cu.DevicePtr(to), cu.DevicePtr(from), bytes, s.handle); err != nil {
		return failure(err, fmt.Sprintf("copying %d bytes within %s", bytes, s.device))
	}
	return nil
}

// Fill8 begins to set bytes.
func (s *Stream) Fill8(to Pointer, value byte, bytes int64) error {
	if bytes == 0 {
		return nil
	}
	if err := s.device.enter(); err != nil {
		return err
	}
	defer s.device.leave()
	if err := cu.MemsetD8Async(cu.DevicePtr(to), value, bytes, s.handle); err != nil {
		return failure(err, fmt.Sprintf("setting %d bytes of %s", bytes, s.device))
	}
	return nil
}

// Fill32 begins to set words of four bytes.
func (s *Stream) Fill32(to Pointer, value uint32, words int64) error {
	if words == 0 {
		return nil
	}
	if err := s.device.enter(); err != nil {
		return err
	}
	defer s.device.leave()
	if err := cu.MemsetD32Async(cu.DevicePtr(to), uint(value), words, s.handle); err != nil {
		return failure(err, fmt.Sprintf("setting %d words of %s", words, s.device))
	}
	return nil
}
