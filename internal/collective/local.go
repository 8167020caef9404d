package collective

import (
	"fmt"
	"slices"
	"sync"
)

// Local connects the ranks of one process, and with a [Member] also to those of other processes. It implements Collective.
type Local struct {
	*group
	index      int // of the rank among those of this process
	duplicates int // number of duplicates that this rank has made
}

// group is the state that connected ranks share.
type group struct {
	*team
	arrived int // number of ranks waiting in the current round of meet
	round   int // number of rounds in which all ranks have met

	gives  [][]byte    // of each rank of this process, during a Gather
	given  [][]byte    // by all ranks, in the last one
	vote   int         // the greatest one so far, during an Agree
	agreed int         // the result of the last one
	values [][]float32 // of each rank of this process, during an AllReduce or AllGather
	spread spread
}

// team is the state that a group and its duplicates share: when a rank fails, all of them end.
type team struct {
	world  int
	ranks  []int   // of this process, ascending
	member *Member // connects to the other processes; nil if there are none
	engine Engine  // sums over processes

	mutex      sync.Mutex
	changed    sync.Cond
	duplicates []*group
	busy       []float64     // of each rank, if all are here
	err        error         // of the rank that failed first
	over       chan struct{} // closed when a rank has failed
}

// NewLocal returns the connections of a number of ranks, all of this process, in order.
func NewLocal(size int) []*Local {
	ranks := make([]int, size)
	for i := range ranks {
		ranks[i] = i
	}
	return connect(&team{world: size, ranks: ranks})
}

// NewSpread returns the connections of the ranks of this process that also connect to the processes that a member has
// joined. The engine exchanges what AllReduce sums; without one, AllReduce must not be called.
func NewSpread(member *Member, engine Engine) []*Local {
	t := &team{world: member.o.WorldSize, ranks: member.o.Ranks, member: member, engine: engine}
	ranks := connect(t)
	go func() {
		<-member.over
		t.end(member.cause()) // for the ranks that wait for one another here
	}()
	return ranks
}

// end ends the team with an error, unless it has ended, and returns its error.
func (t *team) end(err error) error {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.fail(err)
	return t.err
}

// fail is end with t.mutex locked.
func (t *team) fail(err error) {
	if t.err == nil && err != nil {
		t.err = err
		close(t.over)
		t.changed.Broadcast()
	}
}

func connect(t *team) []*Local {
	t.changed.L, t.over, t.busy = &t.mutex, make(chan struct{}), make([]float64, len(t.ranks))
	g := t.newGroup()
	ranks := make([]*Local, len(t.ranks))
	for i := range ranks {
		ranks[i] = &Local{group: g, index: i}
	}
	return ranks
}

func (t *team) newGroup() *group {
	return &group{team: t, values: make([][]float32, len(t.ranks)), gives: make([][]byte, len(t.ranks))}
}

// Duplicate returns another connection of the same ranks, for use by another goroutine. All ranks must make their
// duplicates in the same order. A failure ends all connections. Only one of the connections may be used for sums.
func (l *Local) Duplicate() *Local {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.duplicates == len(l.team.duplicates) {
		l.team.duplicates = append(l.team.duplicates, l.newGroup())
	}
	duplicate := &Local{group: l.team.duplicates[l.duplicates], index: l.index}
	l.duplicates++
	return duplicate
}

// Over is closed when a rank has failed, here or in another process.
func (l *Local) Over() <-chan struct{} { return l.over }

// Rank implements Collective, as do the methods below.
func (l *Local) Rank() int { return l.ranks[l.index] }

// Size returns the number of ranks.
func (l *Local) Size() int { return l.world }

// AllReduce divides the work: each rank sums one shard of the values, in the order of the ranks, and copies the sums to
// all. With several processes, each process sums one shard of the values of all ranks.
func (l *Local) AllReduce(values []float32) error {
	l.values[l.index] = values
	if l.member != nil {
		return l.meet(l.sumSpread)
	}
	return l.sumHere(l.values)
}

// Reduce divides the work as AllReduce does, but only the root gets the sums.
func (l *Local) Reduce(values []float32, root int) error {
	l.values[l.index] = values
	if l.member != nil {
		return l.meet(func() error { return l.reduceSpread(root) })
	}
	return l.sumHere(l.values[root : root+1])
}

// sumHere sums one shard of the values of all ranks, which are all of this process, into some of them.
func (l *Local) sumHere(to [][]float32) error {
	if err := l.meet(nil); err != nil {
		return err
	}
	if err := l.checkLengths(); err != nil {
		return err
	}
	start, end := shard(len(l.values[0]), l.index, len(l.values))
	sum(to, l.values, start, end)
	return l.meet(nil)
}

// checkLengths checks that all ranks of this process give as many values.
func (g *group) checkLengths() error {
	n := len(g.values[0])
	for i, other := range g.values {
		if len(other) != n {
			return fmt.Errorf("a sum of %d values on rank %d, but of %d on rank %d", len(other), g.ranks[i], n, g.ranks[0])
		}
	}
	return nil
}

// AllGather copies the values of each rank to all. All ranks must give as many values, and the same bounds.
func (l *Local) AllGather(values []float32, bounds []int) error {
	l.values[l.index] = values
	if l.member != nil {
		return l.meet(func() error { return l.gatherSpread(bounds) })
	}
	if err := l.meet(nil); err != nil {
		return err
	}
	for rank, other := range l.values {
		if start, end := bounds[rank], bounds[rank+1]; rank != l.index {
			copy(values[start:end], other[start:end])
		}
	}
	return l.meet(nil)
}

// Agree returns the greatest vote of all ranks when all have voted.
func (l *Local) Agree(vote int) (int, error) {
	l.mutex.Lock()
	l.vote = max(l.vote, vote)
	l.mutex.Unlock()
	err := l.meet(func() (err error) {
		l.agreed, l.vote = l.vote, 0
		if l.member != nil {
			l.agreed, err = l.member.Agree(l.agreed)
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	return l.agreed, nil
}

// Gather returns what each rank gives.
func (l *Local) Gather(own []byte) ([][]byte, error) {
	l.gives[l.index] = own
	err := l.meet(func() (err error) {
		if l.given = slices.Clone(l.gives); l.member != nil {
			l.given, err = l.member.gather(l.given)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return l.given, nil
}

// At notes where in the training this rank is.
func (l *Local) At(at At) {
	if l.member != nil {
		l.member.At(l.index, at)
		return
	}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.busy[l.index] = at.Busy
}

// Busy returns how long a step takes each rank.
func (l *Local) Busy() []float64 {
	if l.member != nil {
		return l.member.busy()
	}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return slices.Clone(l.busy)
}

// Abort ends the group.
func (l *Local) Abort(err error) error {
	l.mutex.Lock()
	first := l.err == nil
	l.mutex.Unlock()
	if first {
		if l.member != nil {
			err = l.member.Abort(l.Rank(), err)
		} else {
			err = fmt.Errorf("rank %d: %w", l.Rank(), err)
		}
	}
	return l.end(err)
}

// meet returns when all ranks of this process have called it, or one has failed. The last one does something before it
// lets the others go on, unless it is nil; all get its error.
func (g *group) meet(last func() error) error {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	if g.err != nil {
		return g.err
	}
	g.arrived++
	if g.arrived == len(g.values) {
		g.arrived = 0
		if last != nil {
			g.mutex.Unlock()
			err := last()
			g.mutex.Lock()
			g.fail(err)
		}
		if g.err != nil {
			return g.err
		}
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

// sum writes the sums of elements start to end of all values to some of them, in chunks that stay in the cache.
func sum(to, values [][]float32, start, end int) {
	var total [4096]float32
	for ; start < end; start += len(total) {
		last := min(start+len(total), end)
		chunk := total[:copy(total[:], values[0][start:last])]
		for _, other := range values[1:] {
			add(chunk, other[start:last])
		}
		for _, other := range to {
			copy(other[start:last], chunk)
		}
	}
}

func add(total, values []float32) {
	values = values[:len(total)]
	for i := range total {
		total[i] += values[i]
	}
}
