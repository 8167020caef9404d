package cuda

import (
	"slices"

	driver "uer/internal/cuda"
	"uer/internal/device"
	"uer/internal/graph"
)

// results brings the outputs of runs back to the host, where they stay until they are read.
type results struct {
	from         list // where the outputs are, scalars, as the kernel takes them
	figures      *function
	gathered     *driver.Buffer // float64 [outputs], of the run that was begun last
	ring         [4]result
	first, count int // the runs in the ring whose outputs are under way
	arrived      device.Results
}

// figuresAtOnce is how many outputs a launch gathers.
const figuresAtOnce = 6

// result is the outputs of one run on their way.
type result struct {
	host    *driver.Pinned[float64] // [outputs]
	began   *driver.Event           // the work of the run
	arrived *driver.Event
	flops   int64 // of the run
}

// allocate makes room for the outputs of a program, which lie at these places.
func (r *results) allocate(d *Device, p *graph.Program, at []driver.Pointer) (err error) {
	for _, v := range p.Outputs {
		if p.Values[v].Type == graph.Float64 {
			r.from = append(r.from, pointer(0), pointer(at[v]))
		} else {
			r.from = append(r.from, pointer(at[v]), pointer(0))
		}
	}
	for len(r.from)%(2*figuresAtOnce) > 0 {
		r.from = append(r.from, pointer(0))
	}
	if r.figures, err = d.function("figures"); err != nil {
		return err
	}
	if r.gathered, err = d.gpu.Allocate(8 * int64(len(p.Outputs))); err != nil {
		return err
	}
	for i := range r.ring {
		if r.ring[i].host, err = driver.AllocatePinned[float64](d.gpu, len(p.Outputs)); err != nil {
			return err
		}
		for _, event := range []**driver.Event{&r.ring[i].began, &r.ring[i].arrived} {
			if *event, err = d.gpu.NewTimedEvent(); err != nil {
				return err
			}
		}
	}
	return nil
}

// start notes where the work of a run begins.
func (r *results) start(compute *driver.Stream) error {
	if r.count == len(r.ring) {
		if err := r.finish(); err != nil {
			return err
		}
	}
	return r.ring[(r.first+r.count)%len(r.ring)].began.Record(compute)
}

// begin copies the outputs of a run, behind its work.
func (r *results) begin(run *run) error {
	for i := 0; i < len(r.from); i += 2 * figuresAtOnce {
		to := r.gathered.At + driver.Pointer(8*i/2)
		run.launch(r.figures, over(1, 1), slices.Concat(list{pointer(to)}, r.from[i:i+2*figuresAtOnce])...)
	}
	if run.err != nil {
		return run.err
	}
	x, compute := &r.ring[(r.first+r.count)%len(r.ring)], run.device.gpu.Compute
	if err := driver.Download(compute, x.host.Data, r.gathered.At); err != nil {
		return err
	}
	x.flops = run.flops
	r.count++
	return x.arrived.Record(compute)
}

// finish waits for the oldest outputs that are under way.
func (r *results) finish() error {
	x := &r.ring[r.first]
	if err := x.arrived.Synchronize(); err != nil {
		return err
	}
	r.first, r.count = (r.first+1)%len(r.ring), r.count-1
	took, err := x.arrived.Since(x.began)
	if err != nil {
		return err
	}
	figures := r.arrived.Add()
	figures.Took, figures.FLOPs = took, x.flops
	figures.Outputs = append(figures.Outputs, x.host.Data...)
	return nil
}

// take gives the outputs that have arrived, with wait all that are under way. They stay valid until the next call.
func (r *results) take(wait bool) ([]device.Figures, error) {
	for r.count > 0 {
		if !wait {
			past, err := r.ring[r.first].arrived.Past()
			if err != nil || !past {
				return r.arrived.Take(), err
			}
		}
		if err := r.finish(); err != nil {
			return r.arrived.Take(), err
		}
	}
	return r.arrived.Take(), nil
}
