package corpus

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"uer/internal/console"
	"uer/internal/durable"
)

// File is one file of a corpus.
type File struct {
	Path string // as it was given or found; "standard input" for "-"
	Size int    // bytes, as it is stored

	before   int // bytes of the files before it
	mapping  *durable.Mapping
	format   *format // nil if it is not compressed
	encoding *encoding
	field    string // of JSON lines, "" if it is plain text
}

// defaultField holds the text in most corpora of JSON lines.
const defaultField = "text"

// openFile opens a file and recognises how it is stored.
func openFile(path string, given *encoding, options Options) (*File, error) {
	f := &File{Path: path, encoding: given, field: options.TextField}
	if f.field == "" && namedJSON(path) {
		f.field = defaultField
	}
	var err error
	if f.mapping, err = f.open(); err != nil {
		return nil, err
	}
	f.Size = len(f.mapping.Bytes)
	if err := f.recognise(); err != nil {
		return nil, errors.Join(err, f.close())
	}
	return f, nil
}

// namedJSON reports whether a file has the name of JSON lines, compressed or not.
func namedJSON(path string) bool {
	name := strings.ToLower(path)
	for _, ending := range []string{".gz", ".zst", ".bz2"} {
		name = strings.TrimSuffix(name, ending)
	}
	return strings.HasSuffix(name, ".jsonl") || strings.HasSuffix(name, ".ndjson")
}

// open maps the file. What comes through a pipe is copied to a temporary file first.
func (f *File) open() (*durable.Mapping, error) {
	if f.Path == "-" {
		f.Path = "standard input"
		return durable.MapCopy(f.Path, os.Stdin)
	}
	if info, err := os.Stat(f.Path); err != nil || info.IsDir() || info.Mode().IsRegular() {
		return durable.Map(f.Path)
	}
	pipe, err := os.Open(f.Path)
	if err != nil {
		return nil, err
	}
	defer pipe.Close()
	return durable.MapCopy(f.Path, pipe)
}

// recognise finds out how the file is compressed, and its encoding if it has a byte order mark.
func (f *File) recognise() error {
	f.format = recogniseFormat(f.mapping.Bytes)
	if f.format != nil && f.format.open == nil {
		hint := f.format.hint
		if strings.Contains(hint, "%s") {
			hint = fmt.Sprintf(hint, f.Path)
		}
		return console.Hint(fmt.Errorf("%s: not text: a file in the format %s", f.Path, f.format.name), hint)
	}
	from, _, err := f.uncompressed()
	if err != nil {
		return f.damaged(Start, err)
	}
	head := make([]byte, headSize)
	n, err := io.ReadFull(from, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return f.damaged(Start, err)
	}
	return f.recogniseEncoding(head[:n])
}

// uncompressed returns the content of the file, and what it is read from in the end.
func (f *File) uncompressed() (from io.Reader, source *bytes.Reader, err error) {
	source = bytes.NewReader(f.mapping.Bytes)
	if f.format == nil {
		return source, source, nil
	}
	from, err = f.format.open(source)
	return from, source, err
}

// window returns the text of the file from its start.
func (f *File) window() (window, error) {
	if f.plain() {
		return &mapped{mapping: f.mapping, data: f.mapping.Bytes}, nil
	}
	from, source, err := f.uncompressed()
	if err != nil {
		return nil, f.damaged(Start, err)
	}
	if f.encoding.reader != nil {
		from = f.encoding.reader(from)
	}
	return &stream{from: from, source: source}, nil
}

// plain reports whether the text of the file is its content, so that reading can begin anywhere.
func (f *File) plain() bool { return f.format == nil && f.encoding.reader == nil }

// damaged is the error of a compressed file that cannot be read on from a place.
func (f *File) damaged(at Position, err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("it ends too early")
	}
	return console.Hint(fmt.Errorf("%s: damaged after line %s: %w", f.Path, console.Count(at.Line-1), err),
		"copy the file again, or make it again")
}

func (f *File) close() error { return f.mapping.Close() }
