package cuda

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	driver "uer/internal/cuda"
	"uer/internal/device"
)

// trail finds out which operation failed. A GPU works long after it was asked to, and what goes wrong there is the error of
// some later call. Therefore the stream leaves marks in the host's memory, which can still be read after a failure: what
// follows the last mark has failed. A mark makes the GPU finish one kernel before it prepares the next one, so long
// programs have a mark for several operations.
type trail struct {
	reached   *driver.Pinned[int32] // the last mark; nil where the driver cannot make marks
	given     int32                 // how many there are
	stretches [1024]stretch         // between marks, the last ones; more than are ever under way
	open      stretch               // what has begun since the last mark
}

// stretch is the work that ends with a mark.
type stretch struct {
	step  uint64 // of the run
	steps []step // of a program
	other string // or else what the work is
}

// marks is how many marks the operations of a run get at most: a mark takes the host as long as a launch. A base model's
// pass has about 240 operations, so an error names the kinds of 15, about a layer's.
const marks = 16

// newTrail makes a trail. Where the driver refuses to make marks, it has none, and errors tell less.
func newTrail(d *driver.Device) (*trail, error) {
	reached, err := driver.AllocatePinned[int32](d, 1)
	if err != nil {
		return nil, err
	}
	reached.Data[0] = 0
	if d.Compute.Mark(reached, 0) != nil {
		return &trail{}, reached.Close()
	}
	return &trail{reached: reached}, nil
}

// mark ends a stretch.
func (t *trail) mark(s *driver.Stream, done stretch) error {
	if t.reached == nil {
		return nil
	}
	t.stretches[uint32(t.given)%uint32(len(t.stretches))] = done
	t.given++
	t.open = stretch{}
	return s.Mark(t.reached, t.given)
}

// failed gives the stretch that was not finished.
func (t *trail) failed() (stretch, bool) {
	if t.reached == nil {
		return stretch{}, false
	}
	reached := atomic.LoadInt32(&t.reached.Data[0])
	if reached == t.given { // a launch has noticed it before the next mark
		return t.open, t.open.steps != nil
	}
	return t.stretches[uint32(reached)%uint32(len(t.stretches))], true
}

// String names the operations of the stretch: "linear, gelu or norm".
func (s stretch) String() string {
	if s.other != "" {
		return s.other
	}
	var names []string
	for _, step := range s.steps {
		if name := step.Op.Name(); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	last := len(names) - 1
	if last < 1 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

// located tells of a failure of the GPU which operation and which run it was.
func (d *Device) located(err error) error {
	var failure *driver.Error
	if !errors.Is(err, driver.ErrLost) || !errors.As(err, &failure) {
		return err
	}
	s, found := d.trail.failed()
	if !found {
		return err
	}
	earlier := *failure
	earlier.Doing, earlier.Later = fmt.Sprintf("%s on %s", s, d.gpu), failure.Doing
	return &device.RunError{Step: s.step, Err: &earlier}
}
