package masking

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"uer/internal/segment"
	"uer/internal/vocab"
)

// mark is how the tokens of a vocabulary tell where words begin.
type mark int

const (
	noMark       mark = iota
	continuation      // ## before what continues a word: WordPiece
	byteSpace         // Ġ, which stands for a space, before what begins one: GPT-2
	metaSpace         // ▁ before what begins one: SentencePiece
)

var prefixes = map[mark]string{continuation: "##", byteSpace: "Ġ", metaSpace: "▁"}

// words finds the words that tokens make up. It reuses its buffers, so each goroutine needs its own.
type words struct {
	vocabulary *vocab.Vocabulary
	mark       mark
	divider    *segment.Divider // nil: each Chinese character is a word
	tokens     []form           // by id
	starts     []bool           // of a sequence: whether a word begins with the token
	text       []byte
	ends       []int32
}

// form is what has to be known of a token.
type form struct {
	text        string // without its mark
	alone       bool   // a special or unknown token
	begins      bool   // a word, by its mark
	continues   bool   // the word before, by its mark
	first, last kind
}

// kind is what a token begins or ends with.
type kind uint8

const (
	other    kind = iota
	letter        // or digit
	ideogram      // a Chinese character
	partial       // a part of a character, in vocabularies of bytes
)

func newWords(v *vocab.Vocabulary, dictionary *segment.Dictionary) *words {
	w := &words{vocabulary: v, tokens: make([]form, v.Size())}
	if dictionary != nil {
		w.divider = dictionary.NewDivider()
	}
	w.mark = markOf(v)
	for id := range w.tokens {
		w.tokens[id] = formOf(v, int32(id), w.mark)
	}
	return w
}

// markOf guesses the mark from how many tokens have it.
func markOf(v *vocab.Vocabulary) mark {
	counts := map[mark]int{}
	for id := range int32(v.Size()) {
		for m, prefix := range prefixes {
			if token := v.Token(id); len(token) > len(prefix) && strings.HasPrefix(token, prefix) {
				counts[m]++
			}
		}
	}
	best := noMark
	for m := continuation; m <= metaSpace; m++ {
		if counts[m] > counts[best] {
			best = m
		}
	}
	return best
}

func formOf(v *vocab.Vocabulary, id int32, m mark) form {
	token := v.Token(id)
	f := form{text: token}
	switch id {
	case v.Class, v.Separator, v.Padding, v.Mask, v.Unknown:
		f.alone = true
		return f
	}
	rest, marked := strings.CutPrefix(token, prefixes[m])
	marked = marked && m != noMark
	switch {
	case m == byteSpace:
		f.text = bytesOf(rest)
	case marked:
		f.text = rest
	}
	f.begins = marked && m != continuation
	f.continues = marked == (m == continuation) && m != noMark
	first, _ := utf8.DecodeRuneInString(f.text)
	last, _ := utf8.DecodeLastRuneInString(f.text)
	f.first, f.last = kindOf(first), kindOf(last)
	return f
}

// bytesOf returns what the characters that stand for bytes in a vocabulary of GPT-2 stand for.
func bytesOf(token string) string {
	var text []byte
	for _, r := range token {
		b, known := vocab.ByteOf(r)
		if !known {
			return token
		}
		text = append(text, b)
	}
	return string(text)
}

func kindOf(r rune) kind {
	switch {
	case r == utf8.RuneError:
		return partial
	case unicode.Is(unicode.Han, r):
		return ideogram
	case unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.Is(unicode.M, r):
		return letter
	}
	return other
}

// divide sets starts for a sequence. Between Chinese characters the dictionary decides, elsewhere the marks, or what
// letters stand beside each other if there are none.
func (w *words) divide(tokens []int32) {
	w.starts = w.starts[:0]
	first := 0 // of the tokens that the dictionary has to divide
	for i, id := range tokens {
		byDictionary := false
		if i == 0 {
			w.starts = append(w.starts, true)
		} else {
			start, open := w.between(&w.tokens[tokens[i-1]], &w.tokens[id])
			w.starts = append(w.starts, start)
			byDictionary = open
		}
		if !byDictionary {
			w.divideText(tokens, first, i)
			first = i
		}
	}
	w.divideText(tokens, first, len(tokens))
}

// between reports whether a word begins between two tokens, and whether that is for the dictionary to say.
func (w *words) between(before, after *form) (start, open bool) {
	switch {
	case before.alone || after.alone || after.begins:
		return true, false
	case before.last == partial || after.first == partial:
		return false, w.divider != nil
	case before.last == ideogram && after.first == ideogram:
		return true, w.divider != nil
	case before.last == ideogram || after.first == ideogram:
		return true, false
	case after.continues:
		return false, false
	}
	return w.mark == continuation || before.last != letter || after.first != letter, false
}

// divideText divides the tokens from first to last-1 by the dictionary.
func (w *words) divideText(tokens []int32, first, last int) {
	if w.divider == nil || last-first < 2 {
		return
	}
	w.text = w.text[:0]
	for _, id := range tokens[first:last] {
		w.text = append(w.text, w.tokens[id].text...)
	}
	w.ends = w.divider.AppendEnds(w.ends[:0], w.text)
	at, next := int32(0), 0
	for i := first; i+1 < last; i++ {
		at += int32(len(w.tokens[tokens[i]].text))
		for next < len(w.ends) && w.ends[next] < at {
			next++
		}
		w.starts[i+1] = next < len(w.ends) && w.ends[next] == at
	}
}

// appendUnits appends the words of a sequence that may be masked.
func (w *words) appendUnits(units []unit, tokens []int32) []unit {
	w.divide(tokens)
	for start := 0; start < len(tokens); {
		end := start + 1
		for end < len(tokens) && !w.starts[end] {
			end++
		}
		switch tokens[start] {
		case w.vocabulary.Class, w.vocabulary.Separator, w.vocabulary.Padding:
		default:
			units = append(units, unit{int32(start), int32(end - start)})
		}
		start = end
	}
	return units
}
