package dataset

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"math"
	"strconv"
	"syscall"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/endian"
	"github.com/apache/arrow-go/v18/arrow/ipc"

	"uer/internal/console"
	"uer/internal/durable"
	"uer/internal/registry"
	"uer/internal/task"
)

// batchInstances is the number of instances in every record batch except the last: few enough to be checked when the
// batch is first used, many enough that its description takes no space to speak of.
const batchInstances = 4096

// Every byte of the file is covered by a CRC-32C. The footer holds the checksum of each record batch, which includes all
// bytes since the previous one, and everything else that is known only at the end. Its own checksum is computed with
// eight dashes in its place.
const (
	checksumMark   = "crc32c:"
	noChecksum     = checksumMark + "--------"
	checksumsKey   = "record_batch_checksums"
	checksumKey    = "footer_checksum"
	batchRowsKey   = "record_batch_instances"
	endOfStream    = "\xff\xff\xff\xff\x00\x00\x00\x00" // precedes the footer
	arrowMagic     = "ARROW1"
	footerTrailing = 4 + len(arrowMagic) // the footer's length and the mark of the file's end
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Writer makes a dataset file, which appears at its path when it is closed.
type Writer struct {
	path     string
	metadata Metadata
	task     task.Task
	rows     *Rows // of the record batch that is being filled

	file      *durable.File
	buffer    *bufio.Writer
	sum       *checksummed
	schema    *arrow.Schema
	arrow     *ipc.FileWriter
	checksums []byte // of the record batches, hexadecimal
}

// checksummed computes the CRC-32C of what is written through it.
type checksummed struct {
	to  io.Writer
	crc uint32
}

func (c *checksummed) Write(data []byte) (int, error) {
	n, err := c.to.Write(data)
	c.crc = crc32.Update(c.crc, castagnoli, data[:n])
	return n, err
}

// Replaceable is the rule of what a new dataset may replace: a dataset of ours, complete or not, and an empty file. The schema
// with our keys is at the start.
var Replaceable = durable.Beginning(4096, func(start []byte) bool {
	return bytes.HasPrefix(start, []byte(arrowMagic)) && bytes.Contains(start, []byte(formatKey))
}, "not a dataset of uer")

// Create starts a dataset at path, where it may replace another one ([Replaceable]). m gives everything except the counts.
// m.VocabularySize bounds the ids, which for seq2seq means those of both vocabularies.
func Create(path string, m Metadata) (*Writer, error) {
	t, err := registry.Find(task.ByName, "target", m.Target)
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", path, err)
	}
	if m.SequenceLength < 1 || m.VocabularySize < 1 {
		return nil, fmt.Errorf("create %s: sequence length %d and %d tokens in the vocabulary",
			path, m.SequenceLength, m.VocabularySize)
	}
	file, err := durable.Create(path, Replaceable)
	if err != nil {
		return nil, hinted(err)
	}
	m.Instances = 0 // counted by Append
	w := &Writer{path: path, metadata: m, task: t, rows: newRows(t, m), file: file}
	w.buffer = bufio.NewWriterSize(file, 1<<20)
	w.sum = &checksummed{to: w.buffer}
	w.schema = w.describe(m.settings())
	if w.arrow, err = ipc.NewFileWriter(w.sum, ipc.WithSchema(w.schema)); err != nil {
		file.Abort()
		return nil, fmt.Errorf("create %s: %w", path, err)
	}
	return w, nil
}

// describe makes a schema of the columns with the given keys and values.
func (w *Writer) describe(list []property) *arrow.Schema {
	fields := make([]arrow.Field, len(w.rows.columns))
	for i, c := range w.rows.columns {
		fields[i] = arrow.Field{Name: c.name, Type: c.kind(),
			Metadata: arrow.NewMetadata([]string{"description"}, []string{c.about})}
	}
	keys, values := make([]string, len(list)), make([]string, len(list))
	for i, p := range list {
		keys[i], values[i] = p.key, p.value
	}
	metadata := arrow.NewMetadata(keys, values)
	return arrow.NewSchemaWithEndian(fields, &metadata, endian.LittleEndian)
}

// NewRows returns empty rows to be filled and written. Several goroutines may call it, also while others write.
func (w *Writer) NewRows() *Rows { return newRows(w.task, w.rows.metadata) }

// Append adds a copy of an instance, as Rows.Append does.
func (w *Writer) Append(x task.Instance) error {
	if err := w.rows.append(x); err != nil {
		return fmt.Errorf("write %s: instance %d has %w", w.path, w.metadata.Instances, err)
	}
	return w.appended(1)
}

// Write adds copies of the instances in rows that NewRows of this writer made.
func (w *Writer) Write(rows *Rows) error {
	for first := 0; first < rows.count; {
		last := min(rows.count, first+batchInstances-w.rows.count)
		if err := w.rows.appendRows(rows, first, last); err != nil {
			return fmt.Errorf("write %s: %w", w.path, err)
		}
		if err := w.appended(last - first); err != nil {
			return err
		}
		first = last
	}
	return nil
}

// appended counts instances and writes the record batch once it is full.
func (w *Writer) appended(count int) error {
	w.metadata.Instances += int64(count)
	if w.rows.count == batchInstances {
		return w.flush()
	}
	return nil
}

// flush writes the record batch that is being filled.
func (w *Writer) flush() error {
	arrays := make([]arrow.Array, len(w.rows.columns))
	for i, c := range w.rows.columns {
		arrays[i] = c.array(w.rows.count)
	}
	batch := array.NewRecordBatch(w.schema, arrays, int64(w.rows.count))
	defer batch.Release()
	if err := w.arrow.Write(batch); err != nil {
		return w.writing(err)
	}
	w.checksums = fmt.Appendf(w.checksums, "%08x", w.sum.crc)
	w.sum.crc = 0
	w.rows.Reset()
	return nil
}

// Close completes the file and gives it its name. A dataset without instances is an error. After an error nothing is left
// of the file.
func (w *Writer) Close(totals Totals) error {
	defer w.file.Abort()
	m := &w.metadata
	m.Totals = totals
	if m.Instances == 0 {
		return fmt.Errorf("write %s: there are no instances", w.path)
	}
	if w.rows.count > 0 {
		if err := w.flush(); err != nil {
			return err
		}
	}
	list := append(m.settings(), m.totals()...)
	list = append(list, property{batchRowsKey, strconv.Itoa(batchInstances)},
		property{checksumsKey, string(w.checksums)}, property{checksumKey, noChecksum})
	// The Arrow writer holds the schema by this pointer, and offers no other way to add to the footer's metadata.
	*w.schema = *w.describe(list)
	var footer bytes.Buffer
	w.sum.to = &footer
	if err := w.arrow.Close(); err != nil {
		return w.writing(err)
	}
	mark := bytes.Index(footer.Bytes(), []byte(noChecksum))
	if mark < 0 || footer.Len() > math.MaxInt32 {
		return fmt.Errorf("write %s: the footer cannot hold the description of %d instances", w.path, m.Instances)
	}
	copy(footer.Bytes()[mark:], fmt.Sprintf("%s%08x", checksumMark, w.sum.crc))
	if _, err := w.buffer.Write(footer.Bytes()); err != nil {
		return w.writing(err)
	}
	if err := w.buffer.Flush(); err != nil {
		return w.writing(err)
	}
	return hinted(w.file.Commit())
}

// Abort removes the unfinished file. After Close or Abort it does nothing.
func (w *Writer) Abort() { w.file.Abort() }

// writing returns the file system's own error, which names the file, without the layers around it.
func (w *Writer) writing(err error) error {
	if cause := (*fs.PathError)(nil); errors.As(err, &cause) {
		return hinted(cause)
	}
	return fmt.Errorf("write %s: %w", w.path, err)
}

// hinted adds what to do about an error of the file system.
func hinted(err error) error {
	missing := (*durable.MissingFolderError)(nil)
	occupied := (*durable.OccupiedError)(nil)
	switch {
	case errors.As(err, &occupied):
		return console.Hint(err, "choose another --dataset_path, or move the file away")
	case errors.As(err, &missing):
		return console.Hint(err, "make the folder first: mkdir -p "+missing.Folder)
	case errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT):
		return console.Hint(err, "make room on this disk, or choose another --dataset_path; nothing of the file is left")
	}
	return err
}
