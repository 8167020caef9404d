package random

import "math/rand/v2"

// Stream is a generator whose numbers depend on a key alone, such as a seed, a pass and the number of a document, and
// that costs next to nothing to move to another key. Its bits are PCG-DXSM's (O'Neill, 2014), seeded with 128 bits of a
// hash of the key. It is not safe for concurrent use.
type Stream struct {
	pcg  rand.PCG
	draw *rand.Rand
}

// NewStream returns a stream with an empty key.
func NewStream() *Stream {
	s := new(Stream)
	s.draw = rand.New(&s.pcg)
	s.Reset(0)
	return s
}

// Reset moves to the start of the numbers of a seed and a key. Keys of different lengths are different.
func (s *Stream) Reset(seed int64, key ...int) {
	high, low := mix(uint64(seed)), mix(^uint64(seed))
	for _, part := range key {
		high, low = mix(high+uint64(part)), mix(low^uint64(part))
	}
	s.pcg.Seed(high, low)
}

// mix is the output function of SplitMix64 (Steele, Lea, Flood 2014).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// Float64 returns a number in [0, 1) with 53 random bits.
func (s *Stream) Float64() float64 { return s.draw.Float64() }

// Below returns a number from 0 to n-1. It panics if n is not positive.
func (s *Stream) Below(n int) int { return s.draw.IntN(n) }

// Between returns a number from a to b inclusive.
func (s *Stream) Between(a, b int) int { return a + s.draw.IntN(b-a+1) }

// Shuffle permutes n elements; swap exchanges elements i and j.
func (s *Stream) Shuffle(n int, swap func(i, j int)) { s.draw.Shuffle(n, swap) }
