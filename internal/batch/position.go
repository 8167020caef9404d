package batch

import (
	"errors"
	"fmt"
	"math"

	"uer/internal/collective"
	"uer/internal/random"
)

// Progress says where a rank is in the data after a batch. It is a value of fixed size.
type Progress struct {
	Instances int64 // handed out so far, to all ranks, through all passes

	// Of UER-py's order, which depends on a generator of the rank.
	buffered    bool
	from, next  int           // instances before the buffer, and handed out from it
	filled, now random.Python // the generator before the buffer was filled, and after the batch
}

// Position says where all ranks are in the data. The batches that follow depend on nothing else.
type Position struct {
	Instances int64          `json:"instances"`       // handed out so far, through all passes
	Ranks     []RankPosition `json:"ranks,omitempty"` // UER-py's order only
}

// RankPosition is where one rank is in UER-py's order.
type RankPosition struct {
	From      int    `json:"from"`      // instances of all ranks before the buffer was filled
	Next      int    `json:"next"`      // instances of the buffer that were handed out
	Filled    []byte `json:"filled"`    // state of the generator before the buffer was filled
	Generator []byte `json:"generator"` // state of the generator now
}

// position returns what a rank contributes.
func (p *Progress) position() RankPosition {
	filled, _ := p.filled.MarshalBinary() // never fails
	now, _ := p.now.MarshalBinary()
	return RankPosition{From: p.from, Next: p.next, Filled: filled, Generator: now}
}

// Gather returns the position of all ranks, which must call it together and get the same. ranks is nil if there is one
// alone.
func (p *Progress) Gather(ranks collective.Collective) (Position, error) {
	position := Position{Instances: p.Instances}
	if !p.buffered {
		return position, nil
	}
	if ranks == nil {
		position.Ranks = []RankPosition{p.position()}
		return position, nil
	}
	// Sums of one number and zeros are exact, and numbers of 16 bits are exact in float32.
	own := p.encode()
	all := make([]float32, ranks.Size()*len(own))
	copy(all[ranks.Rank()*len(own):], own)
	if err := ranks.AllReduce(all); err != nil {
		return position, err
	}
	for ; len(all) > 0; all = all[len(own):] {
		instances, rank := decode(all[:len(own)])
		if len(position.Ranks) == 0 {
			position.Instances = instances
		}
		position.Ranks = append(position.Ranks, rank)
	}
	return position, nil
}

// Alone returns the position if it is known without the other ranks.
func (p *Progress) Alone() (position Position, known bool) {
	return Position{Instances: p.Instances}, !p.buffered
}

// encode returns the progress as numbers of at most 16 bits.
func (p *Progress) encode() []float32 {
	r := p.position()
	var list []float32
	for _, n := range []int64{p.Instances, int64(r.From), int64(r.Next)} {
		for shift := 0; shift < 64; shift += 16 {
			list = append(list, float32(n>>shift&math.MaxUint16))
		}
	}
	for _, b := range append(append([]byte{}, r.Filled...), r.Generator...) {
		list = append(list, float32(b))
	}
	return list
}

func decode(list []float32) (instances int64, r RankPosition) {
	integer := func() (n int64) {
		for shift := 0; shift < 64; shift += 16 {
			n |= int64(list[0]) << shift
			list = list[1:]
		}
		return n
	}
	instances, r.From, r.Next = integer(), int(integer()), int(integer())
	states := make([]byte, len(list))
	for i, b := range list {
		states[i] = byte(b)
	}
	r.Filled, r.Generator = states[:len(states)/2], states[len(states)/2:]
	return instances, r
}

// progress returns where a rank continues in UER-py's order. With another number of ranks than before, buffers are filled
// anew from the first instance that has not been handed out.
func (p *Position) progress(rank, world int) (Progress, error) {
	if len(p.Ranks) == 0 {
		return Progress{}, errors.New("the position is not one of UER-py's order")
	}
	r := &p.Ranks[rank%len(p.Ranks)]
	progress := Progress{from: r.From, next: r.Next, buffered: true}
	if err := errors.Join(progress.filled.UnmarshalBinary(r.Filled), progress.now.UnmarshalBinary(r.Generator)); err != nil {
		return progress, err
	}
	if len(p.Ranks) != world {
		progress.from, progress.next, progress.filled = int(p.Instances), 0, progress.now
	}
	if progress.from < 0 || progress.next < 0 || p.Instances < 0 {
		return progress, fmt.Errorf("a position of %d and %d instances", progress.from, progress.next)
	}
	return progress, nil
}
