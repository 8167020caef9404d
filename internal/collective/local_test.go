package collective

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

var _ Collective = (*Local)(nil)

// together runs a function on each rank at the same time and returns the errors by rank.
func together(ranks []*Local, f func(l *Local) error) []error {
	errs := make([]error, len(ranks))
	var all sync.WaitGroup
	for i, l := range ranks {
		all.Go(func() { errs[i] = f(l) })
	}
	all.Wait()
	return errs
}

// TestAllReduce checks that all ranks get the bits of a sum in the order of the ranks, in every call, and that with Reduce
// one of them does, while the others keep what they have.
func TestAllReduce(t *testing.T) {
	for _, size := range []int{1, 2, 3, 5} {
		ranks := NewLocal(size)
		for call, length := range []int{0, 1, 15, 16, 17, 100, 4095, 4097, 50000} {
			generator := rand.New(rand.NewPCG(7, uint64(call)))
			values := make([][]float32, size)
			want := make([]float32, length)
			for rank := range values {
				values[rank] = make([]float32, length)
				for i := range values[rank] {
					values[rank][i] = float32(generator.NormFloat64())
					if rank == 0 {
						want[i] = values[rank][i]
					} else {
						want[i] += values[rank][i]
					}
				}
			}
			root, kept := size/2, make([][]float32, size)
			given := make([][]float32, size)
			for rank := range values {
				given[rank] = slices.Clone(values[rank])
			}
			for rank, err := range together(ranks, func(l *Local) error {
				own := slices.Clone(values[l.Rank()])
				if err := l.Reduce(own, root); err != nil {
					return err
				}
				kept[l.Rank()] = own
				return l.AllReduce(values[l.Rank()])
			}) {
				if err != nil {
					t.Fatalf("%d ranks, %d values: %v", size, length, err)
				}
				if !slices.Equal(values[rank], want) {
					t.Errorf("%d ranks, %d values: rank %d has other sums", size, length, rank)
				}
				if given[root] = want; !slices.Equal(kept[rank], given[rank]) {
					t.Errorf("%d ranks, %d values: rank %d has other values after a reduction to %d", size, length, rank, root)
				}
			}
		}
	}
}

// TestShards checks that the shards of the ranks cover all values once.
func TestShards(t *testing.T) {
	for _, size := range []int{1, 2, 3, 8} {
		for n := range 300 {
			next := 0
			for rank := range size {
				start, end := shard(n, rank, size)
				if start != next || end < start {
					t.Fatalf("%d values: rank %d of %d sums %d to %d, after %d", n, rank, size, start, end, next)
				}
				next = end
			}
			if next != n {
				t.Fatalf("%d values: %d ranks add up %d", n, size, next)
			}
		}
	}
}

func TestUnequalLengths(t *testing.T) {
	for rank, err := range together(NewLocal(3), func(l *Local) error { return l.AllReduce(make([]float32, 4-l.Rank()/2)) }) {
		if err == nil || err.Error() != "a sum of 3 values on rank 2, but of 4 on rank 0" {
			t.Errorf("rank %d: error %v", rank, err)
		}
	}
}

// TestAgree checks that all ranks have voted when any of them continues, and that the greatest vote wins.
func TestAgree(t *testing.T) {
	const size, rounds = 4, 100
	var passed atomic.Int64
	errs := together(NewLocal(size), func(l *Local) error {
		for round := range rounds {
			passed.Add(1)
			vote := 0
			if l.Rank() == round%size {
				vote = round + 1
			}
			result, err := l.Agree(vote)
			if err != nil {
				return err
			}
			if n := int(passed.Load()); n < size*(round+1) || result != round+1 {
				return fmt.Errorf("round %d: %d after only %d arrivals", round, result, n)
			}
		}
		return nil
	})
	for rank, err := range errs {
		if err != nil {
			t.Errorf("rank %d: %v", rank, err)
		}
	}
}

// TestAbort makes a rank fail while the others wait for it. synctest reports goroutines that would wait for ever.
func TestAbort(t *testing.T) {
	cause := errors.New("no more data")
	for name, wait := range map[string]func(l *Local) error{
		"all-reduce": func(l *Local) error { return l.AllReduce(make([]float32, 100)) },
		"reduce":     func(l *Local) error { return l.Reduce(make([]float32, 100), 1) },
		"agree":      func(l *Local) error { _, err := l.Agree(1); return err },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ranks := NewLocal(4)
				errs := together(ranks, func(l *Local) error {
					if err := wait(l); err != nil {
						return err
					}
					if l.Rank() == 2 {
						synctest.Wait() // until the others wait
						return l.Abort(cause)
					}
					return wait(l)
				})
				for rank, err := range errs {
					if !errors.Is(err, cause) || err.Error() != "rank 2: no more data" {
						t.Errorf("rank %d: error %v", rank, err)
					}
				}
				if err := ranks[0].Abort(errors.New("another")); !errors.Is(err, cause) {
					t.Errorf("the second error replaced the first: %v", err)
				}
				if _, err := ranks[1].Agree(0); !errors.Is(err, cause) {
					t.Errorf("a call after the end: error %v", err)
				}
			})
		})
	}
}

func BenchmarkAllReduce(b *testing.B) {
	for _, size := range []int{2, 4} {
		b.Run(fmt.Sprintf("%d ranks", size), func(b *testing.B) {
			const bucket = 25 << 20 / 4
			ranks := NewLocal(size)
			values := make([][]float32, size)
			for i := range values {
				values[i] = make([]float32, bucket)
			}
			b.SetBytes(4 * bucket)
			b.ResetTimer()
			for _, err := range together(ranks, func(l *Local) error {
				for range b.N {
					if err := l.AllReduce(values[l.Rank()]); err != nil {
						return err
					}
				}
				return nil
			}) {
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
