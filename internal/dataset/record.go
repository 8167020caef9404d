package dataset

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// recordBatchMessage is Arrow's number for this kind of message.
const recordBatchMessage = 3

// open checks record batch number and finds its columns. It costs one pass over the bytes, some GB/s, on the first
// touch; two goroutines that touch it first both do the work and get the same.
func (f *arrowFile) open(number int) (*recordBatch, error) {
	b := f.blocks[number]
	data := f.mapping.Bytes
	if crc := crc32.Checksum(data[b.start:b.end], castagnoli); crc != b.checksum {
		return nil, fmt.Errorf("bytes %d to %d have changed since they were written (checksum %08x instead of %08x)", b.start, b.end, crc, b.checksum)
	}
	rows := f.rows
	if number == len(f.blocks)-1 {
		rows = int(f.metadata.Instances) - number*f.rows
	}
	description := data[b.message:b.body]
	if len(description) < 8 {
		return nil, errors.New("its description is missing")
	}
	message := &flatbuffer{data: description[8:]} // after a mark and the length
	root := message.root()
	header := message.table(root, 2)
	if kind := message.field(root, 1); kind == 0 || message.uint8(kind) != recordBatchMessage || message.field(header, 3) != 0 {
		return nil, errors.New("it is no uncompressed record batch")
	}
	return f.views(message, header, data[b.body:b.end], rows)
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
	if length := message.field(header, 0); length == 0 || message.int64(length) != int64(rows) || nodeCount != arrays || bufferCount != 2*arrays {
		return nil, fmt.Errorf("it does not hold %d instances in %d columns", rows, len(f.columns))
	}
	// next returns the data of the next array, which must have no nulls; wanted is its length, -1 for any.
	next := func(wanted int64, width int64, extra int64) ([]byte, error) {
		length, nulls := message.int64(nodes), message.int64(nodes+8)
		offset, size := message.int64(buffers+16), message.int64(buffers+24)
		nodes, buffers = nodes+16, buffers+32
		if nulls != 0 || wanted >= 0 && length != wanted || length < 0 || length > int64(len(body)) || size < 0 || offset < 0 ||
			size > int64(len(body)) || offset > int64(len(body))-size || size < (length+extra)*width {
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
	}
	if f.shape.masked && !f.metadata.Dynamic && string(batch.columns[2].offsets) != string(batch.columns[3].offsets) {
		return nil, errors.New("the masks' positions and ids differ in number")
	}
	return batch, message.err()
}

// checkOffsets wants offsets from 0 or more up to at most count, none below the one before.
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
