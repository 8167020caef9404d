package cpu

import (
	"uer/internal/collective"
	"uer/internal/device"
	"uer/internal/graph"
	"uer/internal/kernel"
)

// memory holds the flat buffers of one replica. It implements device.Memory.
type memory struct {
	layout                       graph.Layout
	parameters, gradients, state []float32

	version int // of the parameters: it grows whenever they may have changed

	ranks  collective.Collective
	begun  chan func() error // exchanges with the other ranks; nil while there are none
	result chan error        // of the goroutine that does them, when begun is closed
}

func newMemory(layout graph.Layout, ranks collective.Collective) *memory {
	return &memory{
		layout:     layout,
		parameters: kernel.Allocate(layout.ParameterSize),
		gradients:  kernel.Allocate(layout.ParameterSize),
		state:      kernel.Allocate(layout.StateSize),
		ranks:      ranks,
		result:     make(chan error, 1),
	}
}

// buffer returns the flat buffer of a place, nil for other places.
func (m *memory) buffer(p graph.Place) []float32 {
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

// Read copies from a flat buffer.
func (m *memory) Read(p graph.Place, offset int, to []float32) error {
	from, err := m.slice(p, offset, len(to))
	copy(to, from)
	return err
}

// Write copies to a flat buffer.
func (m *memory) Write(p graph.Place, offset int, from []float32) error {
	to, err := m.slice(p, offset, len(from))
	copy(to, from)
	if p == graph.InParameters {
		m.version++
	}
	return err
}

// slice returns a range of a flat buffer, with all sums done.
func (m *memory) slice(p graph.Place, offset, size int) ([]float32, error) {
	if err := m.wait(); err != nil {
		return nil, err
	}
	if err := device.CheckRange(m.layout, p, offset, size); err != nil {
		return nil, err
	}
	return m.buffer(p)[offset : offset+size], nil
}

// Sum hands a range of gradients to a goroutine that sums ranges in turn while the backward pass goes on.
func (m *memory) Sum(start, end int, shares []int) {
	if shares == nil {
		m.begin(func() error { return m.ranks.AllReduce(m.gradients[start:end]) })
		return
	}
	m.begin(func() error {
		_, block := kernel.SquareBlocks(shares[len(shares)-1])
		for _, p := range device.Pieces(start, end, shares, block) {
			var err error
			if gradients := m.gradients[p.Start:p.End]; p.Rank == graph.None {
				err = m.ranks.AllReduce(gradients)
			} else {
				err = m.ranks.Reduce(gradients, p.Rank)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// Share has the parameters copied in the background.
func (m *memory) Share(bounds []int) {
	m.version++
	m.begin(func() error { return m.ranks.AllGather(m.parameters[:bounds[len(bounds)-1]], bounds) })
}

// Fetch copies from one rank to all.
func (m *memory) Fetch(rank int, p graph.Place, offset int, to []float32) error {
	if m.ranks == nil || m.ranks.Rank() == rank {
		if err := m.Read(p, offset, to); err != nil || m.ranks == nil {
			return err
		}
	} else if err := m.wait(); err != nil {
		return err
	}
	bounds := make([]int, m.ranks.Size()+1) // all elements are of that rank
	for r := rank + 1; r < len(bounds); r++ {
		bounds[r] = len(to)
	}
	return m.ranks.AllGather(to, bounds)
}

// begin hands an exchange to the goroutine that does them in turn.
func (m *memory) begin(exchange func() error) {
	if m.ranks == nil {
		return
	}
	if m.begun == nil {
		// The range of a sum has at least one parameter, so the channel never fills up and begin never waits.
		m.begun = make(chan func() error, len(m.layout.Parameters)+1)
		go m.exchange(m.begun)
	}
	m.begun <- exchange
}

func (m *memory) exchange(begun <-chan func() error) {
	for exchange := range begun {
		if err := exchange(); err != nil {
			m.result <- err
			return
		}
	}
	m.result <- nil
}

// wait returns when the exchanges begun so far are done.
func (m *memory) wait() error {
	if m.begun == nil {
		return nil
	}
	close(m.begun)
	m.begun = nil
	return <-m.result
}
