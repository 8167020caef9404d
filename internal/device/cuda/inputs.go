package cuda

import (
	"slices"

	driver "uer/internal/cuda"
	"uer/internal/graph"
)

// slots is the number of runs whose inputs may be under way at a time: a host that is further ahead waits.
const slots = 2

// slot carries the inputs of one run to the GPU: all integers in one copy, from memory of its own that the host fills
// while the GPU works on the run before.
type slot struct {
	host   *driver.Pinned[int32]
	device *driver.Buffer
	read   *driver.Event // the run that read it is over
}

// inputs are the slots of a program, with the places of its inputs, and of what operations derive from them, in a slot.
type inputs struct {
	slots   [slots]slot
	current int
	offsets map[int]int // of each input value, in elements
	size    int         // elements of a slot
	arrived *driver.Event
}

// granule is the distance between places in a slot, in elements: 256 bytes.
const granule = 64

// reserve makes a place for n elements in each slot.
func (in *inputs) reserve(n int) (offset int) {
	offset = in.size
	in.size += (n + granule - 1) / granule * granule
	return offset
}

// plan gives each input of a program its place.
func (in *inputs) plan(p *graph.Program) {
	in.offsets = map[int]int{}
	for _, value := range p.Inputs {
		in.offsets[value] = in.reserve(p.Values[value].Shape.Elements())
	}
}

// allocate makes the slots.
func (in *inputs) allocate(d *driver.Device) (err error) {
	if in.arrived, err = d.NewEvent(); err != nil {
		return err
	}
	for i := range in.slots {
		s := &in.slots[i]
		if s.host, err = driver.AllocatePinned[int32](d, in.size); err != nil {
			return err
		}
		if s.device, err = d.Allocate(4 * int64(in.size)); err != nil {
			return err
		}
		if s.read, err = d.NewEvent(); err != nil {
			return err
		}
	}
	return nil
}

// bytes is how much the slots take on the GPU.
func (in *inputs) bytes() (sum int64) {
	for _, s := range in.slots {
		sum += s.device.Bytes
	}
	return sum
}

// next turns to the other slot, when the run before the last one has read it.
func (in *inputs) next() (*slot, error) {
	in.current = (in.current + 1) % slots
	s := &in.slots[in.current]
	return s, s.read.Synchronize()
}

// slot is the one that is being filled.
func (in *inputs) slot() *slot { return &in.slots[in.current] }

// upload begins to copy the slot, beside what the GPU computes, and lets what is computed from now on wait for it.
func (in *inputs) upload(d *driver.Device) error {
	s := in.slot()
	if err := driver.Upload(d.Copy, s.device.At, s.host.Data); err != nil {
		return err
	}
	if err := in.arrived.Record(d.Copy); err != nil {
		return err
	}
	return d.Compute.Wait(in.arrived)
}

// at is the place of an element of the slot on the GPU.
func (s *slot) at(offset int) driver.Pointer { return s.device.At + driver.Pointer(4*offset) }

// put copies data into the slot, and returns the copy.
func (s *slot) put(offset int, data []int32) []int32 {
	n := copy(s.host.Data[offset:], data)
	return slices.Clip(s.host.Data[offset : offset+n])
}
