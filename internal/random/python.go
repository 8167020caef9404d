// Package random draws random numbers. [Python] draws the same numbers as Python's random module, given the same seed, so
// that code that follows UER-py, such as masking, can be tested against UER-py's own results, draw for draw. [Stream] is
// what our datasets are made with.
package random

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
)

// stateSize and shiftSize are n and m of MT19937.
const (
	stateSize = 624
	shiftSize = 397
)

// Python is the generator behind Python's random.Random: the Mersenne Twister MT19937 of Matsumoto and Nishimura
// (1998). It is not safe for concurrent use.
type Python struct {
	state [stateSize]uint32
	next  int // index of the next word of state; stateSize when all have been used
}

// NewPython returns a generator seeded as by init_by_array(key) of the reference implementation of MT19937. An empty
// key means [0].
func NewPython(key ...uint32) *Python {
	p := new(Python)
	p.Reset(key...)
	return p
}

// Seed returns the key that random.seed(seed) derives from an integer: its absolute value in 32-bit words, lowest
// first.
func Seed(seed int64) []uint32 {
	magnitude := uint64(seed)
	if seed < 0 {
		magnitude = -magnitude
	}
	if high := uint32(magnitude >> 32); high != 0 {
		return []uint32{uint32(magnitude), high}
	}
	return []uint32{uint32(magnitude)}
}

// initialState is the state from which init_by_array starts for every key.
var initialState = func() (state [stateSize]uint32) {
	state[0] = 19650218
	for i := 1; i < stateSize; i++ {
		state[i] = 1812433253*(state[i-1]^state[i-1]>>30) + uint32(i)
	}
	return state
}()

// Reset reseeds the generator as NewPython does.
func (p *Python) Reset(key ...uint32) {
	if len(key) == 0 {
		key = []uint32{0}
	}
	p.state = initialState
	state := &p.state
	i, previous := 1, state[0]
	advance := func() {
		if i++; i == stateSize {
			state[0] = state[stateSize-1]
			i = 1
		}
	}
	for j, k := 0, 0; k < max(stateSize, len(key)); k++ {
		previous = (state[i] ^ (previous^previous>>30)*1664525) + key[j] + uint32(j)
		state[i] = previous
		advance()
		if j++; j == len(key) {
			j = 0
		}
	}
	for range stateSize - 1 {
		previous = (state[i] ^ (previous^previous>>30)*1566083941) - uint32(i)
		state[i] = previous
		advance()
	}
	state[0] = 1 << 31
	p.next = stateSize
}

// twist generates the next stateSize words.
func (p *Python) twist() {
	state := &p.state
	mix := func(high, low uint32) uint32 {
		word := high&(1<<31) | low&(1<<31-1)
		return word>>1 ^ -(word&1)&0x9908b0df
	}
	for i := range stateSize - shiftSize {
		state[i] = state[i+shiftSize] ^ mix(state[i], state[i+1])
	}
	for i := stateSize - shiftSize; i < stateSize-1; i++ {
		state[i] = state[i+shiftSize-stateSize] ^ mix(state[i], state[i+1])
	}
	state[stateSize-1] = state[shiftSize-1] ^ mix(state[stateSize-1], state[0])
	p.next = 0
}

// word returns the next 32 bits of the twister.
func (p *Python) word() uint32 {
	if p.next >= stateSize {
		p.twist()
	}
	word := p.state[p.next]
	p.next++
	word ^= word >> 11
	word ^= word << 7 & 0x9d2c5680
	word ^= word << 15 & 0xefc60000
	return word ^ word>>18
}

// Float64 returns random(): a number in [0, 1) with 53 random bits.
func (p *Python) Float64() float64 {
	high, low := uint64(p.word()>>5), uint64(p.word()>>6)
	return float64(high<<26|low) / (1 << 53)
}

// Bits returns getrandbits(k). It panics if k is not from 0 to 64.
func (p *Python) Bits(k int) uint64 {
	switch {
	case k < 0 || k > 64:
		panic(fmt.Sprintf("random: Bits(%d)", k))
	case k == 0:
		return 0
	case k <= 32:
		return uint64(p.word() >> (32 - k))
	}
	low := uint64(p.word())
	return uint64(p.word()>>(64-k))<<32 | low
}

// Below returns a number from 0 to n-1, as randrange(n) does. It panics if n is not positive.
func (p *Python) Below(n int) int {
	if n <= 0 {
		panic(fmt.Sprintf("random: Below(%d)", n))
	}
	width := bits.Len(uint(n))
	for {
		if drawn := p.Bits(width); drawn < uint64(n) {
			return int(drawn)
		}
	}
}

// Between returns a number from a to b inclusive, as randint(a, b) does.
func (p *Python) Between(a, b int) int {
	return a + p.Below(b-a+1)
}

// Shuffle permutes n elements as random.shuffle does; swap exchanges elements i and j.
func (p *Python) Shuffle(n int, swap func(i, j int)) {
	for i := n - 1; i > 0; i-- {
		swap(i, p.Below(i+1))
	}
}

// MarshalBinary returns the complete state of the generator.
func (p *Python) MarshalBinary() ([]byte, error) {
	data := make([]byte, 0, 4*(stateSize+1))
	for _, word := range p.state {
		data = binary.LittleEndian.AppendUint32(data, word)
	}
	return binary.LittleEndian.AppendUint32(data, uint32(p.next)), nil
}

// UnmarshalBinary restores a state returned by MarshalBinary.
func (p *Python) UnmarshalBinary(data []byte) error {
	if len(data) != 4*(stateSize+1) {
		return fmt.Errorf("state of random generator: %d bytes, want %d", len(data), 4*(stateSize+1))
	}
	next := binary.LittleEndian.Uint32(data[4*stateSize:])
	if next > stateSize {
		return errors.New("state of random generator: position out of range")
	}
	for i := range p.state {
		p.state[i] = binary.LittleEndian.Uint32(data[4*i:])
	}
	p.next = int(next)
	return nil
}
