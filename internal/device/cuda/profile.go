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

// report waits for the run and adds its steps to the profile.
func (t *timers) report(profile *device.Profile) error {
	if err := t.device.Compute.Synchronize(); err != nil {
		return err
	}
	for i, s := range t.steps {
		elapsed, err := t.pairs[i][1].Since(t.pairs[i][0])
		if err != nil {
			return err
		}
		profile.Add(s.Op.Name(), elapsed, s.work, s.Recomputed)
	}
	t.steps = t.steps[:0]
	return nil
}

// describe sets operands as those see them that count work, who take an output that nobody reads from its lack of a shape.
func describe(operands []operand, to []device.Operand) {
	for i, o := range operands {
		to[i] = device.Operand{}
		if o.wanted() {
			to[i] = device.Operand{Shape: o.Shape, Integers: o.Integers, ElementBytes: o.Type.Bytes()}
		}
	}
}

// count sets what the step has to do in the present run, its bytes only for a profile.
func (s *step) count(profiled bool) {
	in, out := s.described[0], s.described[1]
	describe(s.in, in)
	describe(s.out, out)
	s.work = device.Work{FLOPs: device.FLOPs(s.Op, in, out)}
	if profiled {
		s.work.Bytes = device.Traffic(s.Op, in, out, s.accumulate)
	}
}
