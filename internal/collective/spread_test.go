package collective

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"
)

// copies is an engine between processes in memory.
type copies struct {
	number int
	*exchange
}

// exchange is what the engines of all processes share: what each has to give in the current round.
type exchange struct {
	mutex   sync.Mutex
	changed sync.Cond
	round   int
	given   [][]float32
	lengths [][]int
	arrived int
}

func newExchange(processes int) *exchange {
	e := &exchange{given: make([][]float32, processes), lengths: make([][]int, processes)}
	e.changed.L = &e.mutex
	return e
}

// meet gives values, and takes the others' when all have given theirs. Nobody changes them before all have taken them.
func (c copies) meet(values []float32, lengths []int, take func()) {
	c.given[c.number], c.lengths[c.number] = values, lengths
	for _, f := range []func(){take, func() {}} {
		c.mutex.Lock()
		round := c.round
		if c.arrived++; c.arrived == len(c.given) {
			c.arrived = 0
			c.round++
			c.changed.Broadcast()
		}
		for c.round == round {
			c.changed.Wait()
		}
		c.mutex.Unlock()
		f()
	}
}

func (c copies) Exchange(out []float32, sent []int, in []float32, received []int) (err error) {
	c.meet(out, sent, func() {
		for p, values := range c.given {
			start := 0
			for q := range c.number {
				start += c.lengths[p][q]
			}
			n := c.lengths[p][c.number]
			if n != received[p] {
				err = fmt.Errorf("%d values from process %d, not %d", n, p, received[p])
			}
			in = in[copy(in, values[start:start+n]):]
		}
	})
	return err
}

func (c copies) Gather(own, all []float32, lengths []int) error {
	own = slices.Clone(own)
	c.meet(own, lengths, func() {
		for p, values := range c.given {
			if len(values) != lengths[p] {
				panic("another length")
			}
			all = all[copy(all, values):]
		}
	})
	return nil
}

func (copies) Close() error { return nil }

// TestSpread: however the ranks are divided into processes, the sums have the bits of those within one process.
func TestSpread(t *testing.T) {
	for _, split := range [][][]int{
		{{0}, {1}}, {{0, 1}, {2, 3}}, {{0, 1, 2}, {3}}, {{0, 2}, {1, 4}, {3}}, {{1}, {0}, {2}},
	} {
		for _, n := range []int{1, 15, 16, 100, 5000} {
			world := len(slices.Concat(split...))
			values, want := make([][]float32, world), make([][]float32, world)
			random := rand.New(rand.NewPCG(1, uint64(n)))
			for rank := range world {
				for range n {
					values[rank] = append(values[rank], float32(random.NormFloat64()))
				}
				want[rank] = slices.Clone(values[rank])
			}
			given := make([][]float32, world)
			for rank := range world {
				given[rank] = slices.Clone(values[rank])
			}
			for _, err := range together(NewLocal(world), func(l *Local) error { return l.AllReduce(want[l.Rank()]) }) {
				if err != nil {
					t.Fatal(err)
				}
			}
			for _, err := range spreadOut(t, split, func(l *Local) error {
				if err := l.AllReduce(values[l.Rank()]); err != nil {
					return err
				}
				if greatest, err := l.Agree(l.Rank()); err != nil || greatest != world-1 {
					return fmt.Errorf("agreed on %d, error %v", greatest, err)
				}
				for round := range 3 {
					given, err := l.Gather([]byte{byte(l.Rank()), byte(round)})
					if err != nil {
						return err
					}
					for rank, g := range given {
						if !slices.Equal(g, []byte{byte(rank), byte(round)}) {
							return fmt.Errorf("rank %d gave %v in round %d", rank, g, round)
						}
					}
				}
				for root := range world { // with the buffers of the sum
					own := slices.Clone(given[l.Rank()])
					if err := l.Reduce(own, root); err != nil {
						return err
					}
					expected := given[l.Rank()]
					if l.Rank() == root {
						expected = want[root]
					}
					if !slices.Equal(own, expected) {
						return fmt.Errorf("rank %d: other values after a reduction to %d", l.Rank(), root)
					}
				}
				return nil
			}) {
				if err != nil {
					t.Fatalf("%v: %v", split, err)
				}
			}
			for rank := range world {
				if !slices.Equal(values[rank], want[rank]) {
					t.Errorf("%v, %d values: rank %d has other sums", split, n, rank)
				}
			}
		}
	}
}

// spreadOut runs a function on the ranks of several processes at the same time.
func spreadOut(t *testing.T, split [][]int, f func(l *Local) error) []error {
	t.Helper()
	between := newExchange(len(split))
	var mutex sync.Mutex
	var all []error
	for _, err := range spreadMembers(t, split, func(m *Member) error {
		errs := together(NewSpread(m, copies{m.Process(), between}), f)
		mutex.Lock()
		defer mutex.Unlock()
		all = append(all, errs...)
		return nil
	}) {
		if err != nil {
			return []error{err}
		}
	}
	return all
}

// spreadMembers runs a function on several processes, of the ranks given.
func spreadMembers(t *testing.T, split [][]int, f func(m *Member) error) []error {
	t.Helper()
	network := TCP{freeAddress(t, "127.0.0.1")}
	world := len(slices.Concat(split...))
	errs := make([]error, len(split))
	var all sync.WaitGroup
	for number, ranks := range split {
		all.Go(func() {
			m, err := Join(t.Context(), Options{
				WorldSize: world, Ranks: ranks, Name: fmt.Sprintf("host%d", number), Network: network, PID: number,
				Patience: time.Minute, Timeout: time.Minute,
			})
			if err != nil {
				errs[number] = err
				return
			}
			defer m.Close()
			errs[number] = f(m)
		})
	}
	all.Wait()
	return errs
}

// TestSpreadAbort: a rank that fails ends those that wait for it, in its process and in the others.
func TestSpreadAbort(t *testing.T) {
	cause := errors.New("no more data")
	for name, wait := range map[string]func(l *Local) error{
		"all-reduce": func(l *Local) error { return l.AllReduce(make([]float32, 100)) },
		"reduce":     func(l *Local) error { return l.Reduce(make([]float32, 100), 3) },
		"agree":      func(l *Local) error { _, err := l.Agree(1); return err },
	} {
		for _, err := range spreadOut(t, [][]int{{0, 1}, {2, 3}}, func(l *Local) error {
			if l.Rank() == 2 {
				return l.Abort(cause)
			}
			return wait(l)
		}) {
			var f *Failure
			if !errors.As(err, &f) || f.Error() != "rank 2 (host1): no more data" {
				t.Errorf("%s: error %v", name, err)
			}
		}
	}
}
