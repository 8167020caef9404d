package cuda

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	driver "uer/internal/cuda"
	"uer/internal/device"
	"uer/internal/device/cuda/kernels"
	"uer/internal/graph"
)

// memory holds the flat buffers of one replica. It implements device.Memory.
type memory struct {
	device                       *Device
	layout                       graph.Layout
	parameters, gradients, state *driver.Buffer

	halves *driver.Buffer  // bfloat16 copies of all parameters, which products read; empty if they read float32
	packs  map[int]*packed // copies of copies for joined products, by the offset of the first parameter
	copies packCopies
	stale  bool // the host or another rank has changed parameters since they were copied
	loose  bool // parameters have changed since they were packed

	sums  sums
	piece *driver.Buffer // for Fetch; nil until it is called
}

func newMemory(d *Device, layout graph.Layout) (*memory, error) {
	m := &memory{device: d, layout: layout, halves: &driver.Buffer{}, packs: map[int]*packed{}, stale: true}
	if err := m.sums.open(d); err != nil {
		return nil, err
	}
	for _, part := range []struct {
		name   string
		buffer **driver.Buffer
		size   int
	}{
		{"parameters", &m.parameters, layout.ParameterSize},
		{"gradients", &m.gradients, layout.ParameterSize},
		{"state of the optimizer", &m.state, layout.StateSize},
	} {
		var err error
		if *part.buffer, err = d.zeros(part.size); err != nil {
			return nil, fmt.Errorf("allocating the %s: %w", part.name, err)
		}
	}
	if d.activations == graph.BFloat16 {
		var err error
		if m.halves, err = d.gpu.Allocate(int64(graph.BFloat16.Bytes() * layout.ParameterSize)); err != nil {
			return nil, fmt.Errorf("allocating the bfloat16 copy of the parameters: %w", err)
		}
	}
	return m, nil
}

// half is the bfloat16 copy of a parameter.
func (m *memory) half(parameter driver.Pointer) driver.Pointer {
	return m.halves.At + (parameter-m.parameters.At)/2
}

// packed is a copy of some parameters of one size, one after another.
type packed struct {
	*driver.Buffer
	first, spacing int // where the parameters are, in elements
	count, size    int
}

// pack makes room to copy parameters of one size, of which the first two are given, at even distances.
func (m *memory) pack(first, second graph.Value, count int) (*packed, error) {
	if p := m.packs[first.Offset]; p != nil {
		return p, nil
	}
	p := &packed{first: first.Offset, spacing: second.Offset - first.Offset, count: count, size: first.Shape.Elements()}
	var err error
	if p.Buffer, err = m.device.gpu.Allocate(int64(graph.BFloat16.Bytes() * count * p.size)); err != nil {
		return nil, fmt.Errorf("allocating copies of weights side by side: %w", err)
	}
	m.packs[first.Offset], m.loose = p, true
	return p, nil
}

// packCopies are the copies that make all packs, as the kernel takes them.
type packCopies struct {
	list    *driver.Buffer // [count, 3]: to, from and size, in elements of the copies of all parameters
	count   int
	largest int
}

// listCopies lists them, after packs were added.
func (m *memory) listCopies() error {
	var list []uint64
	largest := 0
	for _, first := range slices.Sorted(maps.Keys(m.packs)) {
		p := m.packs[first]
		for i := range p.count {
			to := (int64(p.At)-int64(m.halves.At))/2 + int64(i*p.size)
			list = append(list, uint64(to), uint64(p.first+i*p.spacing), uint64(p.size))
		}
		largest = max(largest, p.size)
	}
	if m.copies.count == len(list)/3 {
		return nil
	}
	if m.copies.list != nil {
		if err := errors.Join(m.device.gpu.Compute.Synchronize(), m.copies.list.Close()); err != nil {
			return err
		}
	}
	buffer, err := m.device.gpu.Allocate(8 * int64(len(list)))
	if err != nil {
		return fmt.Errorf("allocating the list of weights side by side: %w", err)
	}
	m.copies = packCopies{buffer, len(list) / 3, largest}
	return driver.Upload(m.device.gpu.Compute, buffer.At, list)
}

// refresh begins to copy parameters that have changed for products.
func (m *memory) refresh(r *run) {
	d := m.device
	if d.activations != graph.BFloat16 {
		return
	}
	if n := m.layout.ParameterSize; m.stale {
		r.launch(d.halve, r.spans(n), pointer(m.halves.At), pointer(m.parameters.At), elements(n), flag(false))
	}
	if (m.stale || m.loose) && m.copies.count > 0 {
		grid := driver.Dim{r.spans(m.copies.largest)[0], m.copies.count, 1}
		r.launch(d.pack, grid, pointer(m.halves.At), pointer(m.copies.list.At))
	}
	m.stale, m.loose = false, false
}

// copiesBytes is the memory of the copies of parameters.
func (m *memory) copiesBytes() int64 {
	bytes := m.halves.Bytes
	for _, p := range m.packs {
		bytes += p.Bytes
	}
	if m.copies.list != nil {
		bytes += m.copies.list.Bytes
	}
	return bytes
}

// zeros allocates n floats.
func (d *Device) zeros(n int) (*driver.Buffer, error) {
	b, err := d.gpu.Allocate(4 * int64(n))
	if err != nil {
		return nil, err
	}
	return b, d.gpu.Compute.Fill32(b.At, 0, int64(n))
}

// buffer is the flat buffer of a place, nil for other places.
func (m *memory) buffer(p graph.Place) *driver.Buffer {
	switch p {
	case graph.InParameters:
		return m.parameters
	case graph.InGradients:
		return m.gradients
	case graph.InState:
		return m.state
	}
	return nil
}

// Read waits for the runs that were begun and copies from a flat buffer.
func (m *memory) Read(p graph.Place, offset int, to []float32) error {
	at, err := m.at(p, offset, len(to))
	if err != nil {
		return err
	}
	if err := m.sums.join(m.device); err != nil {
		return err
	}
	if err := m.device.gpu.Compute.Synchronize(); err != nil {
		return m.device.explained(err)
	}
	return m.device.explained(driver.Download(m.device.gpu.Compute, to, at))
}

// Write copies to a flat buffer, behind the runs that were begun.
func (m *memory) Write(p graph.Place, offset int, from []float32) error {
	at, err := m.at(p, offset, len(from))
	if err != nil {
		return err
	}
	if err := m.sums.join(m.device); err != nil {
		return err
	}
	m.stale = m.stale || p == graph.InParameters
	return m.device.explained(driver.Upload(m.device.gpu.Compute, at, from))
}

// at is the address of an element of a flat buffer, which so many follow. Other places have none.
func (m *memory) at(p graph.Place, offset, size int) (driver.Pointer, error) {
	if err := device.CheckRange(m.layout, p, offset, size); err != nil {
		return 0, err
	}
	return m.buffer(p).At + driver.Pointer(4*offset), nil
}

// Sum begins to sum a range of gradients over the ranks, behind what computes them and beside what follows.
func (m *memory) Sum(start, end int, shares []int) {
	at := func(offset int) driver.Pointer { return m.gradients.At + driver.Pointer(4*offset) }
	if m.device.group != nil && m.sums.err == nil {
		m.sums.err = m.device.pending.begin(m.device.gpu.Compute)
	}
	m.sums.begin(m.device, func(g *driver.Group) (err error) {
		if shares == nil {
			return g.Sum(at(start), end-start)
		}
		_, block := kernels.ElementBlocks(shares[len(shares)-1])
		for _, p := range device.Pieces(start, end, shares, block) {
			if p.Rank == graph.None {
				err = g.Sum(at(p.Start), p.End-p.Start)
			} else {
				err = g.SumTo(p.Rank, at(p.Start), p.End-p.Start)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// Share begins to copy the parameters of each rank to the others, behind the update.
func (m *memory) Share(bounds []int) {
	m.stale = true
	m.sums.begin(m.device, func(g *driver.Group) error { return g.Gather(m.parameters.At, bounds) })
}

// Fetch copies from one rank to all, through a buffer of this GPU.
func (m *memory) Fetch(rank int, p graph.Place, offset int, to []float32) error {
	d := m.device
	if d.group == nil {
		return m.Read(p, offset, to)
	}
	var from driver.Pointer // of that rank
	var err error
	if rank == d.rank {
		if from, err = m.at(p, offset, len(to)); err != nil {
			return err
		}
	}
	if err := m.reservePiece(len(to)); err != nil {
		return err
	}
	m.sums.begin(d, func(g *driver.Group) error { return g.Broadcast(from, m.piece.At, len(to), rank) })
	if err := m.sums.join(d); err != nil {
		return d.explained(err)
	}
	if err := d.explained(driver.Download(d.gpu.Compute, to, m.piece.At)); err != nil {
		return err
	}
	return d.explained(d.gpu.Compute.Synchronize())
}

// reservePiece makes room for n floats.
func (m *memory) reservePiece(n int) (err error) {
	if m.piece != nil && m.piece.Bytes >= 4*int64(n) {
		return nil
	}
	if m.piece != nil {
		if err := m.piece.Close(); err != nil {
			return err
		}
	}
	if m.piece, err = m.device.gpu.Allocate(4 * int64(n)); err != nil {
		return fmt.Errorf("allocating memory for the exchange of optimizer state: %w", err)
	}
	return nil
}
