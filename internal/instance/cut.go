package instance

import (
	"math"

	"uer/internal/corpus"
)

// bufferBytes is the text that a buffer holds, unless DocumentsBufferSize documents are less: enough that the passes
// through a document lie far apart, and that sentences of other documents come from many of them.
const bufferBytes = 32 << 20

// cut divides the documents of a corpus into buffers. A buffer ends after as many documents as it is to hold, or after the
// group of text in which it reaches bufferBytes. Where a document needs others, no buffer is left with only one.
//
// Where buffers end depends only on the text from the start of their first group on, so that reading can begin there.
type cut struct {
	documents int // of a buffer
	bytes     int // of text, after which a buffer ends, too
	least     int // that a buffer must have
	first     int // number of the first document of the current buffer
	groups    []groupEnd
}

// groupEnd describes a group that documents of the current or a later buffer are in.
type groupEnd struct {
	document int // number of the first one after it
	bytes    int // of its text
}

func newCut(s *Settings, first int) *cut {
	c := &cut{documents: s.DocumentsBufferSize, bytes: bufferBytes, least: 1, first: first}
	if ByTarget[s.Target].needsOthers {
		c.least = 2
	}
	if s.Split.Fraction > 0 {
		// Only a share of the documents is in the buffer. That almost none of them is there is so unlikely that it is an error.
		const several = 20
		share := s.Split.share()
		c.documents, c.bytes = scaled(c.documents, share), scaled(c.bytes, share)
		c.least = min(c.documents, scaled(several, share))
	}
	return c
}

// scaled returns a number of documents or bytes of which a share is n.
func scaled(n int, share float64) int {
	return int(min(float64(n)/share, math.MaxInt/2))
}

// add adds the next group.
func (c *cut) add(text corpus.Block) {
	c.groups = append(c.groups, groupEnd{text.End.Document, text.End.Offset - text.Start.Offset})
}

// next ends the current buffer and moves to the one after it, if there is one as far as groups have been added.
func (c *cut) next() bool {
	if len(c.groups) == 0 {
		return false
	}
	end, bytes, within := c.first+c.documents, 0, 0
	for ; within < len(c.groups); within++ {
		g := c.groups[within]
		if g.document > end {
			break
		}
		if bytes += g.bytes; bytes >= c.bytes && g.document-c.first >= c.least {
			end = g.document
			within++
			break
		}
	}
	if c.groups[len(c.groups)-1].document-end < c.least {
		return false
	}
	c.first = end
	c.groups = c.groups[within:]
	return true
}
