package corpus

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"uer/internal/console"
)

// File is one file of a corpus. It is opened when its blocks are read.
type File struct {
	Path string // as it was given or found; "standard input" for "-"
	Size int    // bytes, as it is stored

	before   int       // bytes of the files before it
	modified time.Time // when it was last written
	copied   *os.File  // the copy of what came through a pipe, else nil
	format   *format   // nil if it is not compressed
	encoding *encoding
	field    string // of JSON lines, "" if it is plain text
	nested   string // the field as the library for JSON names it
}

// defaultField holds the text in most corpora of JSON lines.
const defaultField = "text"

// openFile looks at a file and recognises how it is stored.
func openFile(path string, given *encoding, options Options) (*File, error) {
	f := &File{Path: path, encoding: given, field: options.TextField}
	if f.field == "" && namedJSON(path) {
		f.field = defaultField
	}
	f.nested = nestedPath(f.field)
	if err := f.measure(); err != nil {
		return nil, err
	}
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

// measure finds out the size of the file. What comes through a pipe is copied first.
func (f *File) measure() error {
	pipe := os.Stdin
	if f.Path == "-" {
		f.Path = "standard input"
	} else {
		info, err := os.Stat(f.Path)
		if cause := (*fs.PathError)(nil); errors.As(err, &cause) {
			return &fs.PathError{Op: "open", Path: f.Path, Err: cause.Err}
		}
		if info.Mode().IsRegular() {
			f.Size, f.modified = int(info.Size()), info.ModTime()
			return nil
		}
		if pipe, err = os.Open(f.Path); err != nil {
			return err
		}
		defer pipe.Close()
	}
	return f.copy(pipe)
}

// copy copies what comes through a pipe to a temporary file in TMPDIR. It has no name, so that it is gone when the process
// ends, however it ends.
func (f *File) copy(pipe io.Reader) (err error) {
	if f.copied, err = os.CreateTemp("", "uer-*"); err != nil {
		return err
	}
	if err := os.Remove(f.copied.Name()); err != nil {
		return errors.Join(err, f.close())
	}
	size, err := io.Copy(f.copied, pipe)
	f.Size = int(size)
	if err != nil {
		err = fmt.Errorf("copy %s to a temporary file in %s: %w", f.Path, os.TempDir(), err)
		return errors.Join(console.Hint(err, "TMPDIR names the folder of temporary files"), f.close())
	}
	return nil
}

// recognise finds out how the file is compressed, and its encoding if its first bytes tell.
func (f *File) recognise() error {
	w, err := f.stored()
	if err != nil {
		return err
	}
	defer w.close()
	head := make([]byte, headSize)
	n, err := w.source.ReadAt(head, 0)
	if err != nil && err != io.EOF {
		return err
	}
	f.format = recogniseFormat(head[:n])
	if f.format != nil && f.format.open == nil {
		hint := f.format.hint
		if strings.Contains(hint, "%s") {
			hint = fmt.Sprintf(hint, f.Path)
		}
		return console.Hint(fmt.Errorf("%s: not text: a file in the format %s", f.Path, f.format.name), hint)
	}
	if err := w.uncompress(f.format); err != nil {
		return f.damaged(Start, err)
	}
	if n, err = io.ReadFull(w.from, head); err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return f.damaged(Start, err)
	}
	return f.recogniseEncoding(head[:n])
}

// plain reports whether the text of the file is its content, so that reading can begin anywhere.
func (f *File) plain() bool { return f.format == nil && f.encoding.reader == nil }

// damaged is the error of a file that cannot be read on from a place.
func (f *File) damaged(at Position, err error) error {
	if f.format == nil {
		return fmt.Errorf("%s: after line %s: %w", f.Path, console.Count(at.Line-1), err)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("it ends too early")
	}
	return console.Hint(fmt.Errorf("%s: damaged after line %s: %w", f.Path, console.Count(at.Line-1), err),
		"copy the file again, or make it again")
}

// unchanged fails if the file has been written to since it was opened.
func (f *File) unchanged(w *window) error {
	if w.file == nil {
		return nil
	}
	info, err := w.file.Stat()
	if err != nil {
		return err
	}
	if info.Size() == int64(f.Size) && info.ModTime().Equal(f.modified) {
		return nil
	}
	return console.Hint(fmt.Errorf("%s: written to while it was read", f.Path), "start again once the file is complete")
}

func (f *File) close() error {
	if f.copied == nil {
		return nil
	}
	return f.copied.Close()
}

// JSON reports whether the file holds JSON lines.
func (f *File) JSON() bool { return f.field != "" }

// Encoding is the name of the encoding of the file's text.
func (f *File) Encoding() string { return f.encoding.name }
