package trainer

import (
	"uer/internal/checkpoint"
	"uer/internal/collective"
	"uer/internal/device"
	"uer/internal/graph"
	"uer/internal/optimizer"
)

// divided is the memory of a rank that has a part of the optimizer state, seen as if it had all of it. What the first rank
// reads of the state comes from all ranks, piece by piece, if the others serve it meanwhile. What is written to the parts of
// others is dropped.
type divided struct {
	device.Memory
	optimizer *optimizer.Optimizer
	ranks     collective.Collective
	piece     []float32 // of the whole state, the last one that was read
	start     int       // where it begins
}

// pieceSize is the number of elements of the optimizer state that the ranks exchange at a time.
const pieceSize = 1 << 18

// whole returns the memory as checkpoints see it. If the optimizer state is divided, that is a [divided] memory.
func (t *Trainer) whole() interface {
	checkpoint.Reader
	checkpoint.Writer
} {
	if t.Optimizer.Division == nil {
		return t.Memory
	}
	return &divided{Memory: t.Memory, optimizer: t.Optimizer, ranks: t.Collective}
}

// Read copies elements of the parameters, or of the whole optimizer state.
func (d *divided) Read(p graph.Place, offset int, to []float32) error {
	if p != graph.InState {
		return d.Memory.Read(p, offset, to)
	}
	for len(to) > 0 {
		if offset < d.start || offset >= d.start+len(d.piece) {
			number := offset / pieceSize
			if _, err := d.ranks.Agree(1 + number); err != nil {
				return err
			}
			if err := d.fetch(number); err != nil {
				return err
			}
		}
		n := copy(to, d.piece[offset-d.start:])
		to, offset = to[n:], offset+n
	}
	return nil
}

// serve gives the first rank the pieces of the state that it reads, until it lets go.
func (d *divided) serve() error {
	for {
		wanted, err := d.ranks.Agree(0)
		if err != nil || wanted == 0 {
			return err
		}
		if err := d.fetch(wanted - 1); err != nil {
			return err
		}
	}
}

// release ends the others' serve.
func (d *divided) release() error {
	_, err := d.ranks.Agree(0)
	return err
}

// fetch fetches a piece of the whole state.
func (d *divided) fetch(number int) error {
	d.start = number * pieceSize
	end := min(d.start+pieceSize, d.optimizer.Whole.StateSize)
	d.piece = make([]float32, end-d.start)
	for _, part := range d.optimizer.Division.State {
		from, to := max(part.Whole, d.start), min(part.Whole+part.Size, end)
		if from >= to {
			continue
		}
		if err := d.Fetch(part.Rank, graph.InState, part.Own+from-part.Whole, d.piece[from-d.start:to-d.start]); err != nil {
			return err
		}
	}
	return nil
}

// Write copies elements to the parameters, or what this rank has of them to the optimizer state.
func (d *divided) Write(p graph.Place, offset int, from []float32) error {
	if p != graph.InState {
		return d.Memory.Write(p, offset, from)
	}
	rank := d.optimizer.Division.Rank
	for _, part := range d.optimizer.Division.State {
		start, end := max(part.Whole, offset), min(part.Whole+part.Size, offset+len(from))
		if part.Rank != rank || start >= end {
			continue
		}
		if err := d.Memory.Write(p, part.Own+start-part.Whole, from[start-offset:end-offset]); err != nil {
			return err
		}
	}
	return nil
}
