package corpus

import (
	"bufio"
	"errors"
	"io"
	"os"
)

// window shows the text of a file from front to back, some of it at a time.
type window struct {
	from   io.Reader
	source *io.SectionReader // of the file as it is stored, which from reads in the end
	file   *os.File          // to be closed, nil if it is not the window's own
	plain  bool              // from is source
	buffer []byte            // what has been read and not taken
	ended  bool              // nothing follows buffer
}

// window opens a file at its start.
func (f *File) window() (*window, error) {
	w, err := f.stored()
	if err == nil {
		err = w.uncompress(f.format)
	}
	if err != nil {
		return nil, errors.Join(f.damaged(Start, err), w.close())
	}
	if f.encoding.reader != nil {
		w.from, w.plain = f.encoding.reader(w.from), false
	}
	return w, nil
}

// stored opens a file as it is stored.
func (f *File) stored() (*window, error) {
	w := new(window)
	from := f.copied
	if from == nil {
		var err error
		if from, err = os.Open(f.Path); err != nil {
			return w, err
		}
		w.file = from
	}
	w.source = io.NewSectionReader(from, 0, int64(f.Size))
	w.from, w.plain = w.source, true
	return w, nil
}

// uncompress makes the window show the content of a compressed file; format may be nil.
func (w *window) uncompress(format *format) (err error) {
	if format != nil {
		w.from, err = format.open(bufio.NewReaderSize(w.source, 1<<16))
		w.plain = false
	}
	return err
}

// next returns n bytes of what has not been taken, or all of it if that is less; final says that nothing follows them. They
// stay valid after take.
func (w *window) next(n int) (text []byte, final bool, err error) {
	wanted := n + 1 // one more shows whether anything follows
	if wanted > cap(w.buffer) {
		w.buffer = append(make([]byte, 0, wanted), w.buffer...)
	}
	for len(w.buffer) < wanted && !w.ended {
		read, err := w.from.Read(w.buffer[len(w.buffer):wanted])
		w.buffer = w.buffer[:len(w.buffer)+read]
		if err == io.EOF {
			w.ended = true
		} else if err != nil {
			return nil, false, err
		}
	}
	shown := min(n, len(w.buffer)) // no more, so that blocks do not depend on what was read before
	return w.buffer[:shown:shown], w.ended && shown == len(w.buffer), nil
}

// take passes over n of the bytes that next returned, and leaves them to whoever has them.
func (w *window) take(n int) {
	rest := w.buffer[n:]
	w.buffer = append(make([]byte, 0, len(rest)), rest...)
}

// skip passes over n bytes at the start.
func (w *window) skip(n int) error {
	if w.plain {
		_, err := w.source.Seek(int64(n), io.SeekStart)
		return err
	}
	_, err := io.CopyN(io.Discard, w.from, int64(n))
	if err == io.EOF {
		err = nil
	}
	return err
}

// position is the number of bytes of the file, as it is stored, that have been read, and in a plain file taken.
func (w *window) position() int {
	at, _ := w.source.Seek(0, io.SeekCurrent) // cannot fail
	if w.plain {
		at -= int64(len(w.buffer))
	}
	return int(at)
}

func (w *window) close() error {
	if w.file == nil {
		return nil
	}
	return w.file.Close()
}
