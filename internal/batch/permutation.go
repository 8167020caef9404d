package batch

import (
	"math/bits"

	"uer/internal/random"
)

// permutation is a keyed permutation of the numbers below n that needs no memory: a Feistel network on the numbers of so
// many bits, applied until the result is below n (cycle walking; Black and Rogaway, Ciphers with arbitrary finite domains,
// 2002).
type permutation struct {
	n           uint64
	left, right int // bits of the two halves
	keys        [rounds]uint64
}

const (
	// rounds is even, so that the halves have their sizes again in the end.
	rounds = 8
	// minBits keeps both halves large enough for the network to mix; small numbers are walked to.
	minBits = 10
)

// newPermutation returns the permutation of one pass.
func newPermutation(n int, seed, pass int64) permutation {
	width := max(bits.Len64(uint64(n-1)), minBits)
	p := permutation{n: uint64(n), left: width / 2, right: width - width/2}
	key := random.Mix(random.Mix(uint64(seed)) + uint64(pass))
	for i := range p.keys {
		p.keys[i] = random.Mix(key + uint64(i))
	}
	return p
}

// at returns the number in place i.
func (p *permutation) at(i int) int {
	x := uint64(i)
	for {
		if x = p.mix(x); x < p.n {
			return int(x)
		}
	}
}

// mix applies the network.
func (p *permutation) mix(x uint64) uint64 {
	a, b := p.left, p.right
	left, right := x>>b, x&(1<<b-1)
	for _, key := range p.keys {
		left, right = right, left^random.Mix(right+key)>>(64-a)
		a, b = b, a
	}
	return left<<b | right
}
