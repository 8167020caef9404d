package subword

import "unicode/utf8"

// Unigram splits text into the tokens whose probabilities have the greatest product (Kudo, 2018).
type Unigram struct {
	Trie     *Trie
	Scores   []float64 // log probabilities by id
	Unknown  float64   // score of a character that is no token
	Bonus    []bool    // tokens that are always chosen; nil if there are none
	Greatest float64   // score of each byte of those
	Single   bool      // sums are rounded to float32, as sentencepiece rounds them
}

// Piece is a token in a text.
type Piece struct {
	ID         int32 // -1 for a character that is no token
	Start, End int32 // in bytes
}

// Path finds the best split of a text. It reuses its buffers, so each goroutine needs its own.
type Path struct {
	model *Unigram
	best  []ending
	found []Piece
}

// ending is the best split of the text up to a byte.
type ending struct {
	score float64
	start int32 // of its last piece; -1: there is no split
	id    int32
}

// NewPath returns a Path for one goroutine.
func NewPath(u *Unigram) *Path { return &Path{model: u} }

// Split returns the pieces of a text, valid until the next call. Of several best splits it takes the one that is found first.
func (p *Path) Split(text []byte) []Piece {
	p.best = p.best[:0]
	for range len(text) + 1 {
		p.best = append(p.best, ending{start: -1})
	}
	for start := 0; start < len(text); {
		_, size := utf8.DecodeRune(text[start:])
		p.extend(text, start, size)
		start += size
	}
	p.found = p.found[:0]
	for end := int32(len(text)); end > 0; {
		e := p.best[end]
		p.found = append(p.found, Piece{e.id, e.start, end})
		end = e.start
	}
	for i, j := 0, len(p.found)-1; i < j; i, j = i+1, j-1 {
		p.found[i], p.found[j] = p.found[j], p.found[i]
	}
	return p.found
}

// extend adds the pieces that start at a character with a size.
func (p *Path) extend(text []byte, start, size int) {
	u, before := p.model, p.best[start].score
	single := false // the character is a token
	at := int32(root)
	for i := start; i < len(text); i++ {
		next, id, ok := u.Trie.Step(at, text[i])
		if !ok {
			break
		}
		at = next
		if id < 0 {
			continue
		}
		score := u.Scores[id]
		if u.Bonus != nil && u.Bonus[id] {
			score = float64(float32(i+1-start)*float32(u.Greatest)) - 0.1
		}
		p.offer(i+1, ending{score + before, int32(start), id})
		single = single || i+1-start == size
	}
	if !single {
		p.offer(start+size, ending{u.Unknown + before, int32(start), -1})
	}
}

func (p *Path) offer(end int, e ending) {
	if p.model.Single {
		e.score = float64(float32(e.score))
	}
	if best := &p.best[end]; best.start < 0 || e.score > best.score {
		*best = e
	}
}
