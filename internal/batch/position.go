package batch

import (
	"encoding/json"
	"errors"
	"fmt"

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
	own, err := json.Marshal(gathered{p.Instances, p.position()})
	if err != nil {
		return position, err
	}
	all, err := ranks.Gather(own)
	if err != nil {
		return position, err
	}
	for rank, data := range all {
		var g gathered
		if err := json.Unmarshal(data, &g); err != nil {
			return position, fmt.Errorf("the position of rank %d: %w", rank, err)
		}
		if rank == 0 {
			position.Instances = g.Instances
		}
		position.Ranks = append(position.Ranks, g.Rank)
	}
	return position, nil
}

// gathered is what a rank tells the others of its progress.
type gathered struct {
	Instances int64
	Rank      RankPosition
}

// Alone returns the position if it is known without the other ranks.
func (p *Progress) Alone() (position Position, known bool) {
	return Position{Instances: p.Instances}, !p.buffered
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
