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
	taken   int
	behind  *behind
}

func (m *mapped) next(n int) ([]byte, bool, error) {
	rest := m.mapping.Bytes[m.taken:]
	return rest[:min(n, len(rest))], n >= len(rest), nil
}

func (m *mapped) take(n int) {
	m.behind.add(span{m.mapping, m.taken, m.taken + n})
	m.taken += n
}

func (m *mapped) skip(n int) error { m.taken = min(m.taken+n, len(m.mapping.Bytes)); return nil }
func (m *mapped) stored() int      { return m.taken }

// behind is the text that mapped windows have passed, of one file after another. The last of it stays in memory, as blocks
// of it may be in use; what was passed before does not.
type behind struct {
	spans []span
	size  int // bytes of spans
}

// span is a part of a mapped file.
type span struct {
	mapping    *durable.Mapping
	start, end int
}

// keep is the number of bytes behind that stay in memory, at least.
const keep = 16 << 20

func (b *behind) add(passed span) {
	last := len(b.spans) - 1
	if last >= 0 && b.spans[last].mapping == passed.mapping && passed.start-b.spans[last].start < keep {
		b.spans[last].end = passed.end
	} else {
		b.spans = append(b.spans, passed)
	}
	b.size += passed.end - passed.start
	for first := b.spans[0]; b.size-(first.end-first.start) >= keep; first = b.spans[0] {
		first.mapping.Drop(first.start, first.end)
		b.size -= first.end - first.start
		b.spans = b.spans[1:]
	}
}

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
