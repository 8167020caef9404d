package cuda

import (
	"fmt"

	"uer/internal/collective"
	driver "uer/internal/cuda"
)

// sums are those of gradients over the GPUs of all ranks, and what else the GPUs exchange. They run in a stream of their own.
type sums struct {
	computed *driver.Event // the gradients of the sum that begins are there
	summed   *driver.Event // the last sum is done
	pending  bool          // a sum was begun that the compute stream does not wait for yet
	err      error         // the first one
}

// open prepares for sums if the device has other ranks.
func (s *sums) open(d *Device) (err error) {
	if d.group == nil {
		return nil
	}
	if s.computed, err = d.gpu.NewEvent(); err == nil {
		s.summed, err = d.gpu.NewEvent()
	}
	return err
}

// begin begins a sum, or another exchange, of what the compute stream was told to compute. It does not wait.
func (s *sums) begin(d *Device, exchange func(*driver.Group) error) {
	if d.group == nil || s.err != nil {
		return
	}
	if s.err = s.computed.Record(d.gpu.Compute); s.err != nil {
		return
	}
	if s.err = d.group.Stream.Wait(s.computed); s.err != nil {
		return
	}
	if s.err = exchanged(exchange(d.group)); s.err != nil {
		return
	}
	s.pending = true
}

// join makes the compute stream wait for the sums begun so far. The error may be that of an earlier sum.
func (s *sums) join(d *Device) error {
	if d.group == nil {
		return nil
	}
	if s.err == nil {
		s.err = exchanged(d.group.Err())
	}
	if s.err != nil || !s.pending {
		return s.err
	}
	s.pending = false
	if s.err = s.summed.Record(d.group.Stream); s.err == nil {
		s.err = d.gpu.Compute.Wait(s.summed)
	}
	return s.err
}

// exchanged is the error of an exchange with the other GPUs.
func exchanged(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", collective.ErrExchange, err)
}
