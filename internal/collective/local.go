package collective

import (
	"fmt"
	"sync"
)

// Local connects ranks that run in one process. It implements Collective.
type Local struct {
	*group
	rank       int
	duplicates int // number of duplicates that this rank has made
}

// group is the state that connected ranks share.
type group struct {
	*team
	arrived int // number of ranks waiting in the current round of meet
	round   int // number of rounds in which all ranks have met

	values [][]float32 // of each rank, during an AllReduce
}

// team is the state that a group and its duplicates share: when a rank fails, all of them end.
type team struct {
	mutex      sync.Mutex
	changed    sync.Cond
	duplicates []*group
	err        error // of the rank that failed first
}

// NewLocal returns the connections of a number of ranks, in order.
func NewLocal(size int) []*Local {
	t := &team{}
	t.changed.L = &t.mutex
	g := t.newGroup(size)
	ranks := make([]*Local, size)
	for i := range ranks {
		ranks[i] = &Local{group: g, rank: i}
	}
	return ranks
}

func (t *team) newGroup(size int) *group { return &group{team: t, values: make([][]float32, size)} }

// Duplicate returns another connection of the same ranks, for use by another goroutine. All ranks must make their
// duplicates in the same order. A failure ends all connections.
func (l *Local) Duplicate() *Local {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.duplicates == len(l.team.duplicates) {
		l.team.duplicates = append(l.team.duplicates, l.newGroup(len(l.values)))
	}
	duplicate := &Local{group: l.team.duplicates[l.duplicates], rank: l.rank}
	l.duplicates++
	return duplicate
}

// Rank implements Collective, as do the methods below.
func (l *Local) Rank() int { return l.rank }

// Size returns the number of ranks.
func (l *Local) Size() int { return len(l.values) }

// AllReduce divides the work: each rank sums one shard of the values, in the order of the ranks, and copies the sums to
// all.
func (l *Local) AllReduce(values []float32) error {
	l.values[l.rank] = values
	if err := l.meet(); err != nil {
		return err
	}
	for rank, other := range l.values {
		if len(other) != len(l.values[0]) {
			return fmt.Errorf("all-reduce of %d values on rank %d, but of %d on rank 0", len(other), rank, len(l.values[0]))
		}
	}
	start, end := shard(len(values), l.rank, len(l.values))
	sum(l.values, start, end)
	return l.meet()
}

// Barrier returns when all ranks have called it.
func (l *Local) Barrier() error { return l.meet() }

// Abort ends the group.
func (l *Local) Abort(err error) error {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.err == nil {
		l.err = fmt.Errorf("rank %d: %w", l.rank, err)
		l.changed.Broadcast()
	}
	return l.err
}

// meet returns when all ranks have called it, or one has failed.
func (g *group) meet() error {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	if g.err != nil {
		return g.err
	}
	g.arrived++
	if g.arrived == len(g.values) {
		g.arrived = 0
		g.round++
		g.changed.Broadcast()
		return nil
	}
	for round := g.round; g.round == round; {
		if g.err != nil {
			return g.err
		}
		g.changed.Wait()
	}
	return nil
}

// shard returns the range of n values that a rank sums. Shards are whole cache lines, so that ranks do not write to the
// same one.
func shard(n, rank, size int) (start, end int) {
	const line = 16 // values
	length := (n + size - 1) / size
	length = (length + line - 1) / line * line
	return min(rank*length, n), min((rank+1)*length, n)
}

// sum replaces elements start to end of all values by their sums, in chunks that stay in the cache.
func sum(values [][]float32, start, end int) {
	const chunk = 4096
	for ; start < end; start += chunk {
		last := min(start+chunk, end)
		total := values[0][start:last]
		for _, other := range values[1:] {
			add(total, other[start:last])
		}
		for _, other := range values[1:] {
			copy(other[start:last], total)
		}
	}
}

func add(total, values []float32) {
	values = values[:len(total)]
	for i := range total {
		total[i] += values[i]
	}
}
