package sentencepiece

import (
	"cmp"
	"slices"
	"strings"
)

// Description is what a model file says, for those who write it in another format.
type Description struct {
	Pieces       []string // by id
	Scores       []float32
	Unknown      int32
	Marked       []int32 // ids of what is a token wherever it stands
	Control      []int32 // ids of what no text becomes
	Unigram      bool    // else pairs are merged, in the order of the scores
	ByteFallback bool    // an unknown character becomes tokens of its bytes
	Charsmap     []byte  // how characters are normalised; nil if they stay as they are
	Prefix       bool    // text begins with a space
	Suffix       bool    // the space is at the end instead
	RemoveExtra  bool    // white space at the ends and repeated white space goes
	Escape       bool    // a space becomes ▁
	Whole        bool    // no piece reaches beyond a space

	normalizer normalizer
}

// Describe parses the content of a model file.
func Describe(data []byte) (Description, error) {
	f, err := parseFile(data)
	if err != nil {
		return Description{}, err
	}
	m, err := Parse(data)
	if err != nil {
		return Description{}, err
	}
	d := Description{
		Pieces: m.Pieces, Scores: m.scores, Unknown: m.unknown, Unigram: m.algorithm == unigramModel, ByteFallback: m.byteFallback,
		Charsmap: f.charsmap, Prefix: f.prefix, Suffix: f.suffix, RemoveExtra: f.removeExtra, Escape: f.escape, Whole: true,
		normalizer: m.normalizer,
	}
	for id, piece := range m.Pieces {
		switch m.kinds[id] {
		case control:
			d.Control = append(d.Control, int32(id))
		case userDefined:
			d.Marked = append(d.Marked, int32(id))
			fallthrough
		case normal:
			d.Whole = d.Whole && !strings.Contains(strings.TrimPrefix(piece, blank), blank)
		}
	}
	return d, nil
}

// Keeps reports whether normalising leaves a piece as it is.
func (d *Description) Keeps(piece string) bool {
	n := d.normalizer
	n.prefix, n.removeExtra = false, false
	return string(n.append(nil, piece, nil)) == piece
}

// Merges returns the pairs that become pieces, in the order in which they are merged: of the pieces by their scores.
func (d *Description) Merges() [][2]string {
	ids := make(map[string]int, len(d.Pieces))
	order := make([]int, len(d.Pieces))
	for id, piece := range d.Pieces {
		ids[piece], order[id] = id, id
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(d.Scores[b], d.Scores[a]) })
	var merges [][2]string
	for _, id := range order {
		piece := d.Pieces[id]
		first := len(merges)
		for at := range piece {
			if _, found := ids[piece[:at]]; at == 0 || !found {
				continue
			}
			if _, found := ids[piece[at:]]; found {
				merges = append(merges, [2]string{piece[:at], piece[at:]})
			}
		}
		slices.SortFunc(merges[first:], func(a, b [2]string) int {
			return cmp.Or(cmp.Compare(ids[a[0]], ids[b[0]]), cmp.Compare(ids[a[1]], ids[b[1]]))
		})
	}
	return merges
}
