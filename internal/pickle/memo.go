package pickle

import (
	"encoding/binary"
	"fmt"
	"strconv"
)

func (d *Decoder) memoize([]byte) error          { return d.put(uint32(len(d.memo))) }
func (d *Decoder) put1(argument []byte) error    { return d.put(uint32(argument[0])) }
func (d *Decoder) put4(argument []byte) error    { return d.put(binary.LittleEndian.Uint32(argument)) }
func (d *Decoder) get1(argument []byte) error    { return d.get(uint32(argument[0])) }
func (d *Decoder) get4(argument []byte) error    { return d.get(binary.LittleEndian.Uint32(argument)) }
func (d *Decoder) putText(argument []byte) error { return withNumber(argument, d.put) }
func (d *Decoder) getText(argument []byte) error { return withNumber(argument, d.get) }

func withNumber(argument []byte, do func(uint32) error) error {
	number, err := strconv.ParseUint(string(argument), 10, 32)
	if err != nil {
		return fmt.Errorf("%.20q is not a memo index", argument)
	}
	return do(uint32(number))
}

// put memoizes the top of the stack under a number. Pickles number their entries 0, 1, 2 ...; a gap is refused, so that
// a large number cannot make the memo large.
func (d *Decoder) put(number uint32) error {
	top, err := d.top()
	if err != nil {
		return err
	}
	switch n := int64(number); {
	case n < int64(len(d.memo)):
		d.memo[n] = *top
	case n == int64(len(d.memo)):
		d.memo = append(d.memo, *top)
	default:
		return fmt.Errorf("memo entry %d, but the memo has only %d entries", number, len(d.memo))
	}
	return nil
}

// get pushes the memoized value of a number. A container may have grown since it was put there.
func (d *Decoder) get(number uint32) error {
	if int64(number) >= int64(len(d.memo)) {
		return fmt.Errorf("the memo has no entry %d", number)
	}
	entry := d.memo[number]
	switch value := entry.value.(type) {
	case *List:
		entry.depth = value.fetch()
	case *Dict:
		entry.depth = value.fetch()
	case *Call:
		entry.depth = value.fetch()
	}
	return d.push(entry.value, entry.depth)
}

func (g *growth) fetch() int {
	g.shared = true
	return g.depth
}
