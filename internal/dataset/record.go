package dataset

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// recordBatchMessage is Arrow's number for this kind of message.
const recordBatchMessage = 3

// recordBatch holds the columns of a checked record batch.
type recordBatch struct{ columns []view }

// view is one column of a checked record batch: a number per row, or the list between two offsets.
type view struct{ offsets, values []byte }

// row returns the bytes of the list in a row.
func (v view) row(row, width int) []byte {
	first := binary.LittleEndian.Uint32(v.offsets[4*row:])
	end := binary.LittleEndian.Uint32(v.offsets[4*row+4:])
	return v.values[int(first)*width : int(end)*width]
}

// appendTo appends the list in a row to dst.
func (v view) appendTo(dst []int32, row, width int) []int32 {
	list := v.row(row, width)
	if width == 2 {
		for ; len(list) >= 2; list = list[2:] {
			dst = append(dst, int32(binary.LittleEndian.Uint16(list)))
		}
		return dst
	}
	for ; len(list) >= 4; list = list[4:] {
		dst = append(dst, int32(binary.LittleEndian.Uint32(list)))
	}
	return dst
}

// number reads the first number of a list. A number of 4 bytes may be negative.
func number(data []byte, width int) int32 {
	if width == 2 {
		return int32(binary.LittleEndian.Uint16(data))
	}
	return int32(binary.LittleEndian.Uint32(data))
}

// open checks a record batch, which takes one pass over its bytes, and finds its columns. Two goroutines that use it first
// at the same time both do the work, with the same result.
func (f *arrowFile) open(number int) (*recordBatch, error) {
	e := f.extents[number]
	data := f.mapping.Bytes
	if crc := crc32.Checksum(data[e.start:e.end], castagnoli); crc != e.checksum {
		return nil, fmt.Errorf("bytes %d to %d have changed since they were written (checksum %08x instead of %08x)",
			e.start, e.end, crc, e.checksum)
	}
	rows := f.rows
	if number == len(f.extents)-1 {
		rows = int(f.metadata.Instances) - number*f.rows
	}
	description := data[e.message:e.body]
	if len(description) < 8 {
		return nil, errors.New("its description is missing")
	}
	message := &flatbuffer{data: description[8:]} // after a mark and the length
	root := message.root()
	header := message.table(root, 2)
	if kind := message.field(root, 1); kind == 0 || message.uint8(kind) != recordBatchMessage ||
		message.field(header, 3) != 0 {
		return nil, errors.New("it is not an uncompressed record batch")
	}
	return f.views(message, header, data[e.body:e.end], rows)
}

// views finds the buffers of each column. Arrow lists for each array its length and number of nulls (nodes), and its
// validity bitmap and data (buffers); a list has the offsets in its data, and a second array for the numbers.
func (f *arrowFile) views(message *flatbuffer, header int, body []byte, rows int) (*recordBatch, error) {
	nodes, nodeCount := message.vector(header, 1, 16)
	buffers, bufferCount := message.vector(header, 2, 16)
	arrays := 0
	for _, c := range f.columns {
		arrays++
		if c.list {
			arrays++
		}
	}
	if length := message.field(header, 0); length == 0 || message.int64(length) != int64(rows) ||
		nodeCount != arrays || bufferCount != 2*arrays {
		return nil, fmt.Errorf("it does not hold %d instances in %d columns", rows, len(f.columns))
	}
	// next returns the data of the next array, which must have no nulls; wanted is its length, -1 for any.
	next := func(wanted int64, width int64, extra int64) ([]byte, error) {
		length, nulls := message.int64(nodes), message.int64(nodes+8)
		offset, size := message.int64(buffers+16), message.int64(buffers+24)
		nodes, buffers = nodes+16, buffers+32
		if nulls != 0 || wanted >= 0 && length != wanted || length < 0 || length > int64(len(body)) ||
			size < 0 || size > int64(len(body)) || offset < 0 || offset > int64(len(body))-size ||
			size < (length+extra)*width {
			return nil, fmt.Errorf("an array of %d numbers at byte %d with %d bytes and %d nulls", length, offset, size, nulls)
		}
		return body[offset:][:(length+extra)*width], nil
	}
	batch := &recordBatch{columns: make([]view, len(f.columns))}
	for i, c := range f.columns {
		v := &batch.columns[i]
		wanted := int64(rows)
		var err error
		if c.list {
			if v.offsets, err = next(wanted, 4, 1); err != nil {
				return nil, err
			}
			wanted = -1
		}
		if v.values, err = next(wanted, int64(c.width), 0); err != nil {
			return nil, err
		}
		if c.list {
			if err := checkOffsets(v.offsets, len(v.values)/c.width); err != nil {
				return nil, err
			}
		}
		if c.paired && !bytes.Equal(v.offsets, batch.columns[i-1].offsets) {
			return nil, errors.New("the masks' positions and ids differ in number")
		}
	}
	return batch, message.err()
}

// checkOffsets rejects offsets that decrease or exceed count.
func checkOffsets(offsets []byte, count int) error {
	last := uint32(0)
	for ; len(offsets) >= 4; offsets = offsets[4:] {
		offset := binary.LittleEndian.Uint32(offsets)
		if offset < last || int(offset) > count {
			return fmt.Errorf("a list that starts at %d and ends at %d of %d numbers", last, offset, count)
		}
		last = offset
	}
	return nil
}
