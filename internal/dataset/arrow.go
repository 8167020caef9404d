package dataset

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"
	"sync/atomic"

	"uer/internal/console"
	"uer/internal/durable"
	"uer/internal/registry"
	"uer/internal/task"
)

// arrowFile is a dataset in our own format, read from the mapped file without copying. Opening it reads only the footer;
// a record batch is checked when it is first used.
type arrowFile struct {
	path     string
	mapping  *durable.Mapping
	metadata Metadata
	task     task.Task
	columns  []*column
	extents  []extent // of the record batches
	batches  []atomic.Pointer[recordBatch]
	rows     int // of every record batch except the last

	footerStart int // byte
}

// extent is the place of a record batch in the file. Its checksum also covers what precedes it.
type extent struct {
	start, message, body, end int // bytes from the start of the file
	checksum                  uint32
}

// openArrow reads the footer.
func openArrow(path string, mapping *durable.Mapping) (*arrowFile, error) {
	f := &arrowFile{path: path, mapping: mapping}
	footer, start, err := f.footer()
	if err != nil {
		return nil, err
	}
	f.footerStart = start
	table := flatbuffer{data: footer}
	keys, err := schemaKeys(&table)
	if err != nil {
		return nil, f.wrong(err)
	}
	if err := f.settings(keys); err != nil {
		return nil, err
	}
	if err := f.index(&table, keys, start); err != nil {
		return nil, f.wrong(err)
	}
	return f, nil
}

// footer checks and returns the footer and its position.
func (f *arrowFile) footer() ([]byte, int, error) {
	data := f.mapping.Bytes
	if len(data) < 2*len(arrowMagic)+footerTrailing || !bytes.HasSuffix(data, []byte(arrowMagic)) {
		return nil, 0, console.Hint(fmt.Errorf("read %s: truncated: its %d bytes do not end with the mark of a complete file",
			f.path, len(data)), remake)
	}
	end := len(data) - footerTrailing
	length := int(binary.LittleEndian.Uint32(data[end:]))
	start := end - length
	if start < len(arrowMagic)+len(endOfStream) {
		return nil, 0, f.wrong(fmt.Errorf("its footer of %d bytes is larger than the file", length))
	}
	tail := data[start-len(endOfStream):]
	mark := bytes.LastIndex(tail, []byte(checksumMark))
	if mark < 0 || len(tail) < mark+len(noChecksum) {
		return nil, 0, f.foreign(data[start:end])
	}
	crc := crc32.Checksum(tail[:mark], castagnoli)
	crc = crc32.Update(crc, castagnoli, []byte(noChecksum))
	crc = crc32.Update(crc, castagnoli, tail[mark+len(noChecksum):])
	if stored := string(tail[mark+len(checksumMark):][:8]); stored != fmt.Sprintf("%08x", crc) {
		return nil, 0, f.wrong(fmt.Errorf("the checksum of its footer is %08x instead of %q", crc, stored))
	}
	return data[start:end], start, nil
}

// foreign is the error of an Arrow file that is a damaged dataset or none at all.
func (f *arrowFile) foreign(footer []byte) error {
	if bytes.Contains(footer, []byte(checksumsKey)) {
		return f.wrong(errors.New("its footer has no checksum"))
	}
	return console.Hint(fmt.Errorf("read %s: an Arrow file, but not a dataset", f.path), makeOne)
}

// wrong is the error of a file that differs from what was written.
func (f *arrowFile) wrong(err error) error {
	return console.Hint(fmt.Errorf("read %s: damaged: %w", f.path, err), remake)
}

// schemaKeys returns the metadata of the schema in a footer. The strings are copies of a bounded number of keys.
func schemaKeys(footer *flatbuffer) (*properties, error) {
	schema := footer.table(footer.root(), 1)
	first, count := footer.vector(schema, 2, 4)
	keys := &properties{values: map[string]string{}, read: map[string]bool{}}
	const maxKeys = 100
	if count > maxKeys {
		return nil, fmt.Errorf("%d keys in its metadata", count)
	}
	for i := range count {
		entry := footer.follow(first + 4*i)
		keys.values[string(footer.text(entry, 0))] = string(footer.text(entry, 1))
	}
	return keys, footer.err()
}

// settings reads and checks the metadata.
func (f *arrowFile) settings(keys *properties) error {
	version := keys.integer(formatKey, 1<<31)
	if keys.err == nil && version > formatVersion {
		return console.Hint(fmt.Errorf("read %s: written by a newer version of uer (format %d, this one reads up to %d)",
			f.path, version, formatVersion), "use that version, or run uer preprocess again with this one")
	}
	f.metadata = keys.metadata()
	f.rows = int(keys.integer(batchRowsKey, 1<<24))
	if keys.err != nil {
		return f.wrong(keys.err)
	}
	var err error
	if f.task, err = registry.Find(task.ByName, "target", f.metadata.Target); err != nil {
		return f.wrong(err)
	}
	f.columns = columns(&f.task, &f.metadata)
	return nil
}

// index reads where the record batches are. They follow each other without gaps up to the footer.
func (f *arrowFile) index(footer *flatbuffer, keys *properties, start int) error {
	first, count := footer.vector(footer.root(), 3, 24)
	checksums := keys.text(checksumsKey)
	if f.rows < 1 || f.metadata.Instances < 1 || int64(count) != (f.metadata.Instances-1)/int64(f.rows)+1 ||
		len(checksums) != 8*count {
		return fmt.Errorf("%d instances in %d record batches of %d with %d checksums",
			f.metadata.Instances, count, f.rows, len(checksums)/8)
	}
	f.extents = make([]extent, count)
	f.batches = make([]atomic.Pointer[recordBatch], count)
	end := 0
	for i := range f.extents {
		at := first + 24*i
		offset, message, body := footer.int64(at), footer.uint32(at+8), footer.int64(at+16)
		checksum, err := strconv.ParseUint(checksums[8*i:8*i+8], 16, 32)
		limit := int64(start)
		if err != nil || offset < int64(end) || i > 0 && offset != int64(end) || offset > limit ||
			body < 0 || body > limit || offset+int64(message)+body > limit {
			return fmt.Errorf("record batch %d is said to lie at byte %d with %d and %d bytes", i, offset, message, body)
		}
		e := extent{start: end, message: int(offset), body: int(offset) + message, checksum: uint32(checksum)}
		end = e.body + int(body)
		e.end = end
		f.extents[i] = e
	}
	if end+len(endOfStream) != start {
		return fmt.Errorf("its record batches end at byte %d, its footer starts at %d", end, start)
	}
	return footer.err()
}

// instance reads instance i.
func (f *arrowFile) instance(i int, into *task.Instance) error {
	number := i / f.rows
	batch := f.batches[number].Load()
	if batch == nil {
		var err error
		if batch, err = f.open(number); err != nil {
			last := min((number+1)*f.rows, int(f.metadata.Instances)) - 1
			return console.Hint(fmt.Errorf("read %s: record batch %d (instances %d to %d): damaged: %w",
				f.path, number, number*f.rows, last, err), remake)
		}
		f.batches[number].Store(batch)
	}
	f.read(batch, i%f.rows, into)
	if err := check(&f.task, &f.metadata, into); err != nil {
		return console.Hint(fmt.Errorf("read %s: instance %d has %w", f.path, i, err), remake)
	}
	return nil
}

// read copies a row, whose offsets have been checked.
func (f *arrowFile) read(batch *recordBatch, row int, into *task.Instance) {
	into.Reset()
	for i, c := range f.columns {
		c.read(c, batch.columns[i], row, into)
	}
}

func (f *arrowFile) close() error { return f.mapping.Close() }
