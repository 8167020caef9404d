package cuda

import (
	driver "uer/internal/cuda"
	"uer/internal/device"
)

// timers measures the steps of a run by events, which are read when the run is over.
type timers struct {
	device *driver.Device
	pairs  [][2]*driver.Event
	steps  []*step // that have been begun
}

// start records where a step begins.
func (t *timers) start(d *driver.Device) error {
	t.device = d
	if len(t.steps) == len(t.pairs) {
		var pair [2]*driver.Event
		for i := range pair {
			var err error
			if pair[i], err = d.NewTimedEvent(); err != nil {
				return err
			}
		}
		t.pairs = append(t.pairs, pair)
	}
	return t.pairs[len(t.steps)][0].Record(d.Compute)
}

// stop records where it ends.
func (t *timers) stop(s *step) error {
	t.steps = append(t.steps, s)
	return t.pairs[len(t.steps)-1][1].Record(t.device.Compute)
}

// report waits for the run and adds its steps to the profile, if there is one.
func (t *timers) report(e *executable, profile *device.Profile) error {
	if t == nil || profile == nil {
		return nil
	}
	if err := t.device.Compute.Synchronize(); err != nil {
		return err
	}
	for i, s := range t.steps {
		elapsed, err := t.pairs[i][1].Since(t.pairs[i][0])
		if err != nil {
			return err
		}
		profile.Add(s.Op.Name(), elapsed, device.FLOPs(s.Op, described(s.in), described(s.out)), s.Recomputed)
	}
	t.steps = t.steps[:0]
	return nil
}

// described are operands as counting operations sees them.
func described(operands []operand) []device.Operand {
	list := make([]device.Operand, len(operands))
	for i, o := range operands {
		if o.wanted() {
			list[i] = device.Operand{Shape: o.Shape, Integers: o.Integers}
		}
	}
	return list
}
