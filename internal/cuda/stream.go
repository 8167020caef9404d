//go:build gpu

package cuda

import (
	"errors"
	"fmt"
	"time"

	"gorgonia.org/cu"
)

// Stream is a queue of work for a GPU, which does it in order. Streams run beside each other.
type Stream struct {
	device *Device
	name   string
	handle cu.Stream
}

func (d *Device) newStream(name string) (*Stream, error) {
	if err := d.enter(); err != nil {
		return nil, err
	}
	defer d.leave()
	s := &Stream{device: d, name: name}
	var err error
	if s.handle, err = cu.MakeStream(cu.NonBlocking); err != nil {
		return nil, failure(err, fmt.Sprintf("making %s", s))
	}
	return s, nil
}

func (s *Stream) String() string { return fmt.Sprintf("the %s stream of %s", s.name, s.device) }

func (s *Stream) close() error {
	if s == nil {
		return nil
	}
	err := s.Synchronize()
	if err != nil {
		return err
	}
	if err := s.device.enter(); err != nil {
		return err
	}
	defer s.device.leave()
	if err := s.handle.Destroy(); err != nil {
		return failure(err, fmt.Sprintf("closing %s", s))
	}
	return nil
}

// Synchronize waits until all work of the stream is done.
func (s *Stream) Synchronize() error {
	if err := s.device.enter(); err != nil {
		return err
	}
	defer s.device.leave()
	if err := s.handle.Synchronize(); err != nil {
		return failure(err, fmt.Sprintf("waiting for %s", s))
	}
	return nil
}

// Wait makes later work of the stream wait until the event is past. An event that was never recorded is past.
func (s *Stream) Wait(e *Event) error {
	if err := s.device.enter(); err != nil {
		return err
	}
	defer s.device.leave()
	if err := s.handle.Wait(e.handle, 0); err != nil {
		return failure(err, fmt.Sprintf("making %s wait", s))
	}
	return nil
}

// Event is a point in the work of a stream.
type Event struct {
	device *Device
	handle cu.Event
}

// NewEvent makes an event that orders streams and that the host can wait for.
func (d *Device) NewEvent() (*Event, error) {
	return d.newEvent(cu.DisableTiming | cu.BlockingSyncEvent)
}

// NewTimedEvent makes an event that also takes the time.
func (d *Device) NewTimedEvent() (*Event, error) { return d.newEvent(cu.BlockingSyncEvent) }

func (d *Device) newEvent(flags cu.EventFlags) (*Event, error) {
	if err := d.enter(); err != nil {
		return nil, err
	}
	defer d.leave()
	handle, err := cu.MakeEvent(flags)
	if err != nil {
		return nil, failure(err, fmt.Sprintf("making an event on %s", d))
	}
	return &Event{d, handle}, nil
}

// Record sets the event at the end of what the stream has been given so far. It may be recorded again.
func (e *Event) Record(s *Stream) error {
	if err := e.device.enter(); err != nil {
		return err
	}
	defer e.device.leave()
	if err := e.handle.Record(s.handle); err != nil {
		return failure(err, fmt.Sprintf("recording an event in %s", s))
	}
	return nil
}

// Synchronize waits until the event is past, without keeping a core busy.
func (e *Event) Synchronize() error {
	if err := e.device.enter(); err != nil {
		return err
	}
	defer e.device.leave()
	if err := e.handle.Synchronize(); err != nil {
		return failure(err, fmt.Sprintf("waiting for %s", e.device))
	}
	return nil
}

// Past tells whether the event is past.
func (e *Event) Past() (bool, error) {
	if err := e.device.enter(); err != nil {
		return false, err
	}
	defer e.device.leave()
	switch err := e.handle.Query(); err {
	case nil:
		return true, nil
	case cu.NotReady:
		return false, nil
	default:
		return false, failure(err, fmt.Sprintf("looking at an event on %s", e.device))
	}
}

// Since is the time from another event to this one. Both are timed and past. The clock's step is about 0.5 microseconds.
func (e *Event) Since(earlier *Event) (time.Duration, error) {
	if err := e.device.enter(); err != nil {
		return 0, err
	}
	defer e.device.leave()
	milliseconds, err := earlier.handle.Elapsed(e.handle)
	if err != nil {
		return 0, failure(err, fmt.Sprintf("timing on %s", e.device))
	}
	return time.Duration(milliseconds * float64(time.Millisecond)), nil
}

// Time is how long the GPU takes for the work that begin begins in the stream. It waits for it.
func (s *Stream) Time(begin func() error) (took time.Duration, err error) {
	var events [2]*Event
	for i := range events {
		if events[i], err = s.device.NewTimedEvent(); err != nil {
			return 0, err
		}
		defer func() { err = errors.Join(err, events[i].Close()) }()
	}
	if err := events[0].Record(s); err != nil {
		return 0, err
	}
	if err := begin(); err != nil {
		return 0, err
	}
	if err := events[1].Record(s); err != nil {
		return 0, err
	}
	if err := events[1].Synchronize(); err != nil {
		return 0, err
	}
	return events[1].Since(events[0])
}

// Close frees the event.
func (e *Event) Close() error {
	if e.handle == (cu.Event{}) {
		return nil
	}
	if err := e.device.enter(); err != nil {
		return err
	}
	defer e.device.leave()
	if err := cu.DestroyEvent(&e.handle); err != nil {
		return failure(err, fmt.Sprintf("freeing an event on %s", e.device))
	}
	return nil
}
