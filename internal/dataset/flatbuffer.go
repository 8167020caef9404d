package dataset

import (
	"encoding/binary"
	"errors"
)

// flatbuffer reads the tables in which Arrow describes its files (FlatBuffers' binary format), from bytes that may be
// hostile: what lies outside of them reads as 0 and sets outside. Nothing is copied, so memory does not depend on
// what the tables claim.
//
// A table is the position of its first byte; 0 is a table that is absent, whose fields are absent, too.
type flatbuffer struct {
	data    []byte
	outside bool
}

var errOutside = errors.New("its description points outside of itself")

func (f *flatbuffer) err() error {
	if f.outside {
		return errOutside
	}
	return nil
}

// at returns the n bytes at a position.
func (f *flatbuffer) at(position, n int) []byte {
	if position < 0 || n < 0 || position > len(f.data)-n {
		f.outside = true
		return make([]byte, min(max(n, 0), 8))
	}
	return f.data[position : position+n]
}

func (f *flatbuffer) uint8(position int) int { return int(f.at(position, 1)[0]) }

func (f *flatbuffer) uint16(position int) int {
	return int(binary.LittleEndian.Uint16(f.at(position, 2)))
}

func (f *flatbuffer) uint32(position int) int {
	return int(binary.LittleEndian.Uint32(f.at(position, 4)))
}

func (f *flatbuffer) int64(position int) int64 {
	return int64(binary.LittleEndian.Uint64(f.at(position, 8)))
}

// follow returns where the offset at a position leads.
func (f *flatbuffer) follow(position int) int { return position + f.uint32(position) }

// root returns the outermost table.
func (f *flatbuffer) root() int { return f.follow(0) }

// field returns the position of a table's field, 0 if it is absent.
func (f *flatbuffer) field(table, index int) int {
	if table == 0 {
		return 0
	}
	fields := table - int(int32(f.uint32(table)))
	slot := 4 + 2*index
	if slot+2 > f.uint16(fields) {
		return 0
	}
	offset := f.uint16(fields + slot)
	if offset == 0 {
		return 0
	}
	return table + offset
}

// table returns the table that a field refers to, 0 if it is absent.
func (f *flatbuffer) table(table, index int) int {
	if position := f.field(table, index); position != 0 {
		return f.follow(position)
	}
	return 0
}

// vector returns the first element and the number of elements of a field; all of them lie inside.
func (f *flatbuffer) vector(table, index, size int) (first, count int) {
	position := f.table(table, index)
	if position == 0 {
		return 0, 0
	}
	count = f.uint32(position)
	if count > len(f.data)/size || position+4 > len(f.data)-count*size {
		f.outside = true
		return 0, 0
	}
	return position + 4, count
}

// text returns the string that a field holds.
func (f *flatbuffer) text(table, index int) []byte {
	first, count := f.vector(table, index, 1)
	if count == 0 {
		return nil
	}
	return f.at(first, count)
}
