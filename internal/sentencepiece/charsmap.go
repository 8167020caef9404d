package sentencepiece

import (
	"bytes"
	"encoding/binary"
	"errors"
	"unicode/utf8"
)

// Charsmap replaces characters and sequences of them, as a model's rules for normalising say.
type Charsmap struct {
	units  []uint32 // a double array of Darts-clone
	texts  []byte   // what it replaces with, each ended by a zero
	starts []bool   // by code point, for the basic multilingual plane: whether a rule may begin with it
}

// ParseCharsmap reads compiled rules: the size of the double array in bytes, the array, and the texts.
func ParseCharsmap(data []byte) (*Charsmap, error) {
	damaged := errors.New("its rules for normalising text are damaged")
	if len(data) < 4 {
		return nil, damaged
	}
	size := binary.LittleEndian.Uint32(data)
	data = data[4:]
	if uint64(size) >= uint64(len(data)) || size%4 != 0 || size == 0 {
		return nil, damaged
	}
	c := &Charsmap{units: make([]uint32, size/4), texts: data[size:], starts: make([]bool, 1<<16)}
	for i := range c.units {
		c.units[i] = binary.LittleEndian.Uint32(data[4*i:])
	}
	if !utf8.Valid(c.texts) || c.texts[len(c.texts)-1] != 0 {
		return nil, damaged
	}
	var character [utf8.UTFMax]byte
	for r := range c.starts {
		n := utf8.EncodeRune(character[:], rune(r))
		c.starts[r] = c.reaches(character[:n])
	}
	return c, nil
}

// A unit holds the label of the byte that leads to it, the offset of the units that follow, and whether a value follows.
func offset(unit uint32) uint32 { return (unit >> 10) << ((unit & (1 << 9)) >> 6) }
func label(unit uint32) uint32  { return unit & (1<<31 | 0xff) }
func hasValue(unit uint32) bool { return unit>>8&1 == 1 }

// step follows a byte from a position, which already includes the offset of the unit there.
func (c *Charsmap) step(at uint32, b byte) (next uint32, unit uint32, ok bool) {
	at ^= uint32(b)
	if uint64(at) >= uint64(len(c.units)) {
		return 0, 0, false
	}
	unit = c.units[at]
	if label(unit) != uint32(b) {
		return 0, 0, false
	}
	return at ^ offset(unit), unit, true
}

func (c *Charsmap) reaches(text []byte) bool {
	at, ok := offset(c.units[0]), true
	for _, b := range text {
		if at, _, ok = c.step(at, b); !ok {
			return false
		}
	}
	return true
}

// begins reports whether a rule may begin with a character.
func (c *Charsmap) begins(r rune) bool { return int(r) >= len(c.starts) || c.starts[r] }

// Longest finds the longest sequence at the start of a text that is replaced, and what with. length is 0 if there is none.
func (c *Charsmap) Longest(text string) (length int, with []byte) {
	value := -1
	at := offset(c.units[0])
	for i := range len(text) {
		next, unit, ok := c.step(at, text[i])
		if !ok {
			break
		}
		at = next
		if hasValue(unit) && uint64(at) < uint64(len(c.units)) {
			length, value = i+1, int(c.units[at]&(1<<31-1))
		}
	}
	if value < 0 || value >= len(c.texts) {
		return 0, nil
	}
	with = c.texts[value:]
	return length, with[:bytes.IndexByte(with, 0)]
}

// Shortest finds the shortest sequence at the start of a text that is replaced, and what with.
func (c *Charsmap) Shortest(text []byte) (with []byte, found bool) {
	at := offset(c.units[0])
	for _, b := range text {
		next, unit, ok := c.step(at, b)
		if !ok {
			return nil, false
		}
		if at = next; hasValue(unit) && uint64(at) < uint64(len(c.units)) {
			value := int(c.units[at] & (1<<31 - 1))
			if value >= len(c.texts) {
				return nil, false
			}
			with = c.texts[value:]
			return with[:bytes.IndexByte(with, 0)], true
		}
	}
	return nil, false
}

// AppendShortest appends what the shortest sequence at the start of a text is replaced with, or the text if there is none.
func (c *Charsmap) AppendShortest(to, text []byte) []byte {
	if with, found := c.Shortest(text); found {
		return append(to, with...)
	}
	return append(to, text...)
}
