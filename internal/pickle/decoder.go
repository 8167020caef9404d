package pickle

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxDepth bounds how deeply values nest; Python's own pickler stops at about the same depth.
const maxDepth = 1000

// Decoder reads consecutive pickles. After an error, only Seek makes it usable again.
type Decoder struct {
	data   []byte
	offset int

	stack []slot
	marks []int // heights of the stack at the open marks
	memo  []slot
}

// slot is a value and its depth: 0 if it contains no others, else one more than the deepest value in it.
type slot struct {
	value any
	depth int
}

// NewDecoder returns a decoder at the start of data. The values it decodes do not refer to data.
func NewDecoder(data []byte) *Decoder { return &Decoder{data: data} }

// Offset returns the number of bytes before the next pickle.
func (d *Decoder) Offset() int { return d.offset }

// Seek moves to the pickle that starts at offset.
func (d *Decoder) Seek(offset int) { d.offset = offset }

// Decode reads the next pickle. It returns io.EOF if there is none.
func (d *Decoder) Decode() (any, error) {
	if d.offset >= len(d.data) {
		return nil, io.EOF
	}
	d.reset()
	for {
		start := d.offset
		op, argument, err := d.next()
		switch {
		case err != nil:
		case op.run != nil:
			err = op.run(d, argument)
		default:
			var value any
			if value, err = d.result(); err == nil {
				return value, nil
			}
		}
		if err != nil {
			return nil, d.errorAt(start, err)
		}
	}
}

// Skip steps over the next pickle without building its value. It checks only that the opcodes are supported and their
// arguments complete. It returns io.EOF if there is no pickle.
func (d *Decoder) Skip() error {
	if d.offset >= len(d.data) {
		return io.EOF
	}
	for {
		// A list of numbers consists almost entirely of opcodes with fixed-length arguments: the fast path.
		for d.offset < len(d.data) {
			op := &opcodes[d.data[d.offset]]
			after := d.offset + 1 + int(op.argument)
			if op.argument < 0 || op.run == nil || after > len(d.data) {
				break
			}
			d.offset = after
		}
		start := d.offset
		op, _, err := d.next()
		if err != nil {
			return d.errorAt(start, err)
		}
		if op.run == nil {
			return nil
		}
	}
}

// reset forgets the last pickle but keeps the memory of the stack and the memo.
func (d *Decoder) reset() {
	clear(d.stack)
	clear(d.memo)
	d.stack, d.marks, d.memo = d.stack[:0], d.marks[:0], d.memo[:0]
}

var errTruncated = fmt.Errorf("data ends in the middle of a pickle: %w", io.ErrUnexpectedEOF)

// next reads an opcode and its argument.
func (d *Decoder) next() (*opcode, []byte, error) {
	if d.offset >= len(d.data) {
		return nil, nil, errTruncated
	}
	op := &opcodes[d.data[d.offset]]
	if op.name == "" {
		return nil, nil, errors.New("unsupported opcode")
	}
	rest := d.data[d.offset+1:]
	if n := int(op.argument); n >= 0 {
		if len(rest) < n {
			return nil, nil, errTruncated
		}
		d.offset += 1 + n
		return op, rest[:n], nil
	}
	skipped, argument, ended, err := variable(op.argument, rest)
	if err != nil {
		return nil, nil, err
	}
	d.offset += 1 + skipped + len(argument) + ended
	return op, argument, nil
}

// variable cuts an argument of variable length from the start of rest. Before it are skipped bytes that hold its
// length, after it are ended bytes of newline.
func variable(form argument, rest []byte) (skipped int, argument []byte, ended int, err error) {
	switch form {
	case line, twoLines:
		end := bytes.IndexByte(rest, '\n')
		if form == twoLines && end >= 0 {
			if second := bytes.IndexByte(rest[end+1:], '\n'); second >= 0 {
				end += 1 + second
			} else {
				end = -1
			}
		}
		if end < 0 {
			return 0, nil, 0, errTruncated
		}
		return 0, rest[:end], 1, nil
	case counted1:
		skipped = 1
	case counted4:
		skipped = 4
	case counted8:
		skipped = 8
	}
	if len(rest) < skipped {
		return 0, nil, 0, errTruncated
	}
	var field [8]byte
	copy(field[:], rest[:skipped])
	length := binary.LittleEndian.Uint64(field[:])
	if length > uint64(len(rest)-skipped) {
		return 0, nil, 0, errTruncated
	}
	return skipped, rest[skipped:][:length], 0, nil
}

// result returns the value of the pickle once STOP is reached.
func (d *Decoder) result() (any, error) {
	if len(d.stack) != 1 || len(d.marks) != 0 {
		return nil, fmt.Errorf("%d values and %d open marks remain, want one value", len(d.stack), len(d.marks))
	}
	return d.stack[0].value, nil
}

// errorAt adds to err where it happened: the byte, and the opcode there.
func (d *Decoder) errorAt(offset int, err error) error {
	if offset >= len(d.data) {
		return fmt.Errorf("byte %d: %w", offset, err)
	}
	code := d.data[offset]
	name := opcodes[code].name
	if name == "" {
		name = fmt.Sprintf("0x%02x", code)
		if code > ' ' && code < 0x7f {
			name += " (" + strings.Trim(fmt.Sprintf("%q", string(rune(code))), `"`) + ")"
		}
	}
	return fmt.Errorf("byte %d: pickle opcode %s: %w", offset, name, err)
}
