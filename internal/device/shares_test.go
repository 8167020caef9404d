package device

import (
	"math/rand/v2"
	"slices"
	"testing"

	"uer/internal/graph"
)

// TestPieces: whatever the shares and the buckets, each rank gets the sums of its share and of the blocks that it adds up,
// and only blocks that lie in several shares go to all.
func TestPieces(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		size, block, ranks := 1+random.IntN(300), 1+random.IntN(40), 1+random.IntN(6)
		shares := make([]int, ranks+1)
		for i := range shares {
			shares[i] = random.IntN(size + 1)
		}
		shares[0], shares[ranks] = 0, size
		slices.Sort(shares)
		owner := make([]int, size)
		for start := 0; start < size; {
			end := min(start+1+random.IntN(size), size+10)
			for _, p := range Pieces(start, end, shares, block) {
				if p.Start != start || p.End <= p.Start || p.End > end {
					t.Fatalf("%v, blocks of %d: piece %+v of %d to %d", shares, block, p, start, end)
				}
				for i := p.Start; i < p.End; i++ {
					owner[i] = p.Rank
				}
				start = p.End
			}
		}
		blocks := BlockShares(shares, block)
		for rank := range ranks {
			for i := shares[rank]; i < shares[rank+1]; i++ {
				if owner[i] != rank && owner[i] != graph.None {
					t.Fatalf("%v, blocks of %d: rank %d lacks the sum of %d, which rank %d gets", shares, block, rank, i, owner[i])
				}
			}
			for i := blocks[rank] * block; i < min(blocks[rank+1]*block, size); i++ {
				if owner[i] != rank && owner[i] != graph.None {
					t.Fatalf("%v, blocks of %d: rank %d cannot add up the block of %d", shares, block, rank, i)
				}
			}
		}
		if last := blocks[ranks]; last != (size+block-1)/block {
			t.Fatalf("%v, blocks of %d: %d blocks", shares, block, last)
		}
		for i, rank := range owner {
			first := i / block * block
			last := min(first+block, size) - 1
			within := slices.ContainsFunc(shares[1:], func(bound int) bool { return bound > first && bound <= last })
			if (rank == graph.None) != within {
				t.Fatalf("%v, blocks of %d: element %d goes to %d", shares, block, i, rank)
			}
		}
	}
}
