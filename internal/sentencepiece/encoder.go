package sentencepiece

import (
	"unicode/utf8"
	"unsafe"

	"uer/internal/subword"
)

// Encoder splits lines into pieces. It reuses its buffers, so each goroutine needs its own.
type Encoder struct {
	model *Model
	text  []byte // the line, normalised
	path  *subword.Path
	pairs pairs
}

// NewEncoder returns an Encoder for one goroutine.
func (m *Model) NewEncoder() *Encoder {
	return &Encoder{model: m, path: subword.NewPath(m.unigram), pairs: pairs{model: m}}
}

// AppendIDs appends the ids of a line's pieces to ids and returns the extended slice. A run of unknown characters is one
// piece, or the pieces of its bytes if the model has them.
func (e *Encoder) AppendIDs(ids []int32, line string) []int32 {
	m := e.model
	e.text = m.normalizer.append(e.text[:0], line, m.marked)
	var found []subword.Piece
	if m.algorithm == unigramModel {
		found = e.path.Split(e.text)
	} else {
		found = e.pairs.split(e.text)
	}
	afterUnknown := false
	for _, p := range found {
		isUnknown := p.ID < 0
		switch {
		case !isUnknown:
			ids = append(ids, p.ID)
		case m.byteFallback:
			for _, b := range e.text[p.Start:p.End] {
				ids = append(ids, m.bytes[b])
			}
		case !afterUnknown:
			ids = append(ids, m.unknown)
		}
		afterUnknown = isUnknown
	}
	return ids
}

// pairs merges characters to pieces, the pair with the highest score first.
type pairs struct {
	model   *Model
	symbols []symbol
	queue   subword.Queue[candidate]
	found   []subword.Piece
	lefts   map[int32]int32 // bytes of the left part of each unused piece, as it was found last
}

// symbol is a part of the text that is not merged with its neighbours yet.
type symbol struct {
	start, end   int32 // in bytes; equal once it has been merged with what is before it
	before, next int32 // indices of its neighbours, -1 if there is none
	frozen       bool  // never merged
}

// candidate is a pair of symbols that makes a piece.
type candidate struct {
	score       float32
	left, right int32
	size        int32 // bytes
}

// Precedes orders candidates: those of higher score first, then those further left.
func (c candidate) Precedes(d candidate) bool {
	return c.score > d.score || c.score == d.score && c.left < d.left
}

func (p *pairs) split(text []byte) []subword.Piece {
	p.divide(text)
	for i := 1; i < len(p.symbols); i++ {
		p.offer(text, int32(i-1), int32(i))
	}
	for len(p.queue) > 0 {
		top := p.queue.Pop()
		left, right := &p.symbols[top.left], &p.symbols[top.right]
		if left.start == left.end || right.start == right.end || right.end-left.start != top.size {
			continue // one of them has been merged with another symbol
		}
		left.end, left.next = right.end, right.next
		right.start = right.end
		if right.next >= 0 {
			p.symbols[right.next].before = top.left
		}
		p.offer(text, left.before, top.left)
		p.offer(text, top.left, left.next)
	}
	p.found = p.found[:0]
	for i := int32(0); i >= 0 && len(p.symbols) > 0; i = p.symbols[i].next {
		p.resolve(text, p.symbols[i].start, p.symbols[i].end)
	}
	return p.found
}

// divide makes a symbol of each character, and of what is a token wherever it stands.
func (p *pairs) divide(text []byte) {
	p.symbols, p.queue = p.symbols[:0], p.queue[:0]
	for start := 0; start < len(text); {
		_, size := utf8.DecodeRune(text[start:])
		frozen := false
		if marked := p.model.marked; marked != nil {
			if length, _ := marked.Longest(borrowed(text[start:])); length > 0 {
				size, frozen = length, true
			}
		}
		i := int32(len(p.symbols))
		p.symbols = append(p.symbols, symbol{int32(start), int32(start + size), i - 1, i + 1, frozen})
		start += size
	}
	if len(p.symbols) > 0 {
		p.symbols[len(p.symbols)-1].next = -1
	}
}

// lookup returns the id of a piece, -1 if there is none.
func (p *pairs) lookup(text []byte) int32 {
	if length, id := p.model.trie.Longest(borrowed(text)); length == len(text) {
		return id
	}
	return -1
}

// offer adds a pair of symbols to the queue if it makes a piece.
func (p *pairs) offer(text []byte, left, right int32) {
	if left < 0 || right < 0 || p.symbols[left].frozen || p.symbols[right].frozen {
		return
	}
	start, end := p.symbols[left].start, p.symbols[right].end
	id := p.lookup(text[start:end])
	if id < 0 {
		return
	}
	if p.model.kinds[id] == unused {
		if p.lefts == nil {
			p.lefts = map[int32]int32{}
		}
		p.lefts[id] = p.symbols[left].end - start
	}
	p.queue.Push(candidate{p.model.scores[id], left, right, end - start})
}

// resolve adds a symbol to the pieces that were found. A piece that is not used is divided again as it was merged.
func (p *pairs) resolve(text []byte, start, end int32) {
	id := p.lookup(text[start:end])
	if id >= 0 && p.model.kinds[id] == unused {
		if left := p.lefts[id]; left > 0 {
			p.resolve(text, start, start+left)
			p.resolve(text, start+left, end)
			return
		}
	}
	p.found = append(p.found, subword.Piece{ID: id, Start: start, End: end})
}

// borrowed returns bytes as a string without copying them. It must not be kept.
func borrowed(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
