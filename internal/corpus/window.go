package corpus

import (
	"bytes"
	"io"

	"uer/internal/durable"
)

// window shows the text of a file from front to back, some of it at a time.
type window interface {
	// next returns at least n bytes of what has not been taken, or all of it; final says that nothing follows them. They
	// stay valid after take.
	next(n int) (text []byte, final bool, err error)
	// take passes over n of the bytes that next returned.
	take(n int)
	// skip passes over n bytes.
	skip(n int) error
	// stored is the number of bytes of the file, as it is stored, that have been read.
	stored() int
}

// mapped is the window of a plain file in memory.
type mapped struct {
	mapping *durable.Mapping
	data    []byte
	taken   int
	dropped int // bytes from the start that need not stay in memory
}

// keep is the number of bytes before a mapped window that stay in memory, as blocks of them may be in use.
const keep = 16 << 20

func (m *mapped) next(n int) ([]byte, bool, error) {
	rest := m.data[m.taken:]
	return rest[:min(n, len(rest))], n >= len(rest), nil
}

func (m *mapped) take(n int) {
	m.taken += n
	if end := m.taken - keep; end-m.dropped >= keep {
		m.mapping.Drop(m.dropped, end)
		m.dropped = end
	}
}

func (m *mapped) skip(n int) error { m.taken = min(m.taken+n, len(m.data)); return nil }
func (m *mapped) stored() int      { return m.taken }

// stream is the window of text that is made by reading.
type stream struct {
	from   io.Reader
	source *bytes.Reader // what from reads in the end
	buffer []byte
	ended  bool
}

func (s *stream) next(n int) ([]byte, bool, error) {
	wanted := n + 1 // one more shows whether anything follows
	if wanted > cap(s.buffer) {
		s.buffer = append(make([]byte, 0, wanted), s.buffer...)
	}
	for len(s.buffer) < wanted && !s.ended {
		read, err := s.from.Read(s.buffer[len(s.buffer):wanted])
		s.buffer = s.buffer[:len(s.buffer)+read]
		if err == io.EOF {
			s.ended = true
		} else if err != nil {
			return nil, false, err
		}
	}
	shown := min(n, len(s.buffer)) // no more, so that blocks do not depend on what was read before
	return s.buffer[:shown:shown], s.ended && shown == len(s.buffer), nil
}

// take leaves the bytes that were taken to whoever has them.
func (s *stream) take(n int) {
	rest := s.buffer[n:]
	s.buffer = append(make([]byte, 0, len(rest)), rest...)
}

func (s *stream) skip(n int) error {
	_, err := io.CopyN(io.Discard, s.from, int64(n))
	if err == io.EOF {
		err = nil
	}
	return err
}

func (s *stream) stored() int { return int(s.source.Size()) - s.source.Len() }
