package exchange

import (
	"fmt"
	"slices"
	"strings"

	"uer/internal/graph"
	"uer/internal/statedict"
	"uer/internal/vocab"
)

// Resized counts what became of the rows of a table.
type Resized struct {
	Name                        string // of the parameter
	From, To                    int    // rows of the file, rows of the model
	Kept, Means, Drawn, Dropped int    // Kept + Means + Drawn = To
}

// resizable reports whether a tensor of a file differs from a parameter only in the number of rows of a table.
func resizable(p graph.Parameter, shape []int) bool {
	return tableOf(p) != noTable && len(shape) == len(p.Shape) && slices.Equal(shape[1:], p.Shape[1:])
}

// remaps reports whether the rows of a table are matched by token.
func (o Options) remaps(p graph.Parameter) bool {
	return o.Resize && o.Vocabulary != nil && tableOf(p) == vocabularyTable && o.Model.Size() == p.Shape[0] &&
		o.Vocabulary.SHA256() != o.Model.SHA256()
}

// check rejects a vocabulary that cannot be the file's. A table may have rows beyond it.
func (o Options) check(path string, p graph.Parameter, t *statedict.Tensor) error {
	if o.remaps(p) && o.Vocabulary.Size() > t.Shape[0] {
		return fmt.Errorf("%s: %s has %d rows, fewer than the %d tokens of the vocabulary that is said to be its own",
			path, t.Name, t.Shape[0], o.Vocabulary.Size())
	}
	return nil
}

// resize returns the values of a table with as many rows as the parameter has. Rows are kept by position or by token. A new
// token is the mean of the file's tokens that spell it; everything else is initial, the values that the parameter has.
func (o Options) resize(p graph.Parameter, t *statedict.Tensor, initial []float32) ([]float32, Resized) {
	from, to := t.Shape[0], p.Shape[0]
	r := Resized{Name: p.Name, From: from, To: to}
	out, width := slices.Clone(initial), p.Shape.Elements()/to
	row := func(i int) []float32 { return t.Data[i*width : (i+1)*width] }
	byToken := o.remaps(p)
	for i := range to {
		into := out[i*width : (i+1)*width]
		if !byToken {
			if i < from {
				copy(into, row(i))
				r.Kept++
			} else {
				r.Drawn++
			}
			continue
		}
		pieces, whole := spell(o.Vocabulary, o.Model.Token(int32(i)))
		switch {
		case len(pieces) == 0:
			r.Drawn++
		case whole:
			copy(into, row(int(pieces[0])))
			r.Kept++
		default:
			mean(into, pieces, row)
			r.Means++
		}
	}
	r.Dropped = from - r.Kept
	return out, r
}

// mean sets a row to the mean of others.
func mean(into []float32, pieces []int32, row func(int) []float32) {
	for j := range into {
		sum := 0.0
		for _, piece := range pieces {
			sum += float64(row(int(piece))[j])
		}
		into[j] = float32(sum / float64(len(pieces)))
	}
}

// spell returns the ids of the tokens that spell a token: itself, or the longest ones from the left, with or without ##.
// There are none if a part of it is not in the vocabulary.
func spell(v *vocab.Vocabulary, token string) (pieces []int32, whole bool) {
	if id, found := v.Lookup(token); found {
		return []int32{id}, true
	}
	if isSpecial(token) {
		return nil, false
	}
	rest, continued := strings.CutPrefix(token, "##")
	for rest != "" {
		end := len(rest)
		for ; end > 0; end-- {
			id, found := lookUp(v, rest[:end], continued || len(pieces) > 0)
			if found {
				pieces = append(pieces, id)
				break
			}
		}
		if end == 0 {
			return nil, false
		}
		rest = rest[end:]
	}
	return pieces, false
}

// isSpecial reports whether a token stands for no text, such as [unused1] or <extra_id_0>.
func isSpecial(token string) bool {
	return len(token) > 2 && (token[0] == '[' && token[len(token)-1] == ']' || token[0] == '<' && token[len(token)-1] == '>')
}

// lookUp finds a piece in the form for its place, or else in the other one.
func lookUp(v *vocab.Vocabulary, piece string, continued bool) (int32, bool) {
	forms := [2]string{piece, "##" + piece}
	if continued {
		forms = [2]string{forms[1], forms[0]}
	}
	for _, form := range forms {
		if id, found := v.Lookup(form); found {
			return id, true
		}
	}
	return 0, false
}
