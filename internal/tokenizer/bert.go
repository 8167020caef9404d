package tokenizer

import "unicode/utf8"

const continuation = "##" // prefix of all pieces of a word but the first

// tabulated is the number of characters whose class is looked up in a table; the ones above are rare.
const tabulated = 0x20000

// bert is BERT's tokenizer: text is cleaned, normalised by the rules and split at white space, punctuation and around
// Chinese characters; each word is then split from the left into the longest pieces that the vocabulary has (WordPiece). A
// word that cannot be split becomes a single [UNK].
type bert struct {
	singles
	rules   rules
	maxWord int
	classes *[tabulated]class // of the characters seen so far: classifying all of them would take longer than short texts
	longest int               // length of the longest token in bytes
	mapped  map[rune]string   // cache of normalized
	word    []byte            // room for "##", then the word being collected
	cache   wordCache
	key     []byte // a word that is not in the cache yet
	collect bool   // words are not looked up but put into words; in place of ids, there are their ends
	words   []byte
}

// newBert returns a constructor of tokenizers that share the table of single characters.
func newBert(k known, r rules) func() Tokenizer {
	shared := bert{singles: newSingles(k), rules: r, maxWord: r.maxWord()}
	for id := range k.end {
		shared.longest = max(shared.longest, len(k.vocabulary.Token(id)))
	}
	return func() Tokenizer {
		b := shared
		b.classes = new([tabulated]class)
		b.mapped = map[rune]string{}
		b.cache.words = map[string]span{}
		b.word = append(make([]byte, 0, 256), continuation...)
		return &b
	}
}

func (b *bert) AppendIDs(ids []int32, line string) []int32 {
	// A piece ends at white space and Chinese characters, but not at punctuation.
	piece, before := 0, len(ids) // where the current piece begins, in line and in ids
	for i, size := 0, 0; i < len(line); i += size {
		var r rune
		if r, size = rune(line[i]), 1; r >= utf8.RuneSelf {
			r, size = utf8.DecodeRuneInString(line[i:])
		}
		switch b.class(r) {
		case plain:
			for i+size < len(line) && line[i+size] < utf8.RuneSelf && b.classes[line[i+size]] == plain {
				size++
			}
			b.word = append(b.word, line[i:i+size]...)
		case capital:
			b.word = append(b.word, byte(r)+'a'-'A')
		case mapped:
			ids = b.append(ids, b.normalized(r))
		case punctuation:
			ids = b.appendSingle(b.appendWord(ids), r)
		case ideograph:
			ids = b.appendSingle(b.appendWord(ids), r)
			piece, before = i+size, len(ids)
		case isolated:
			ids = b.appendWord(b.append(b.appendWord(ids), b.normalized(r)))
			piece, before = i+size, len(ids)
		case blank:
			ids = b.appendWord(ids)
			piece, before = i+size, len(ids)
		case contextual:
			b.word = b.word[:len(continuation)]
			end := b.pieceEnd(line, i)
			ids = b.appendPiece(ids[:before], line[piece:end])
			size = end - i
			piece, before = end, len(ids)
		}
	}
	return b.appendWord(ids)
}

func (b *bert) class(r rune) class {
	if r < tabulated && b.classes[r] != unclassified {
		return b.classes[r]
	}
	return b.classify(r)
}

// classify finds the class of a character that has not been seen yet.
func (b *bert) classify(r rune) class {
	c := b.rules.classify(r)
	if r < tabulated {
		b.classes[r] = c
	}
	return c
}

func (b *bert) normalized(r rune) string {
	text, known := b.mapped[r]
	if !known {
		text = string(b.rules.normalized([]rune{r}))
		b.mapped[r] = text
	}
	return text
}

// pieceEnd returns the index at which the piece that contains line[i] ends.
func (b *bert) pieceEnd(line string, i int) int {
	for j, r := range line[i:] {
		switch b.class(r) {
		case ideograph, isolated, blank:
			return i + j
		}
	}
	return len(line)
}

// appendPiece appends the tokens of a whole piece, normalised in one go because its characters depend on each other.
func (b *bert) appendPiece(ids []int32, piece string) []int32 {
	clean := make([]rune, 0, len(piece))
	for _, r := range piece {
		if b.class(r) != dropped {
			clean = append(clean, r)
		}
	}
	return b.appendWord(b.append(ids, string(b.rules.normalized(clean))))
}

// append adds normalised text to the current word. Punctuation ends the word and is a token of its own.
func (b *bert) append(ids []int32, text string) []int32 {
	for _, r := range text {
		if b.rules.isPunctuation(r) {
			ids = b.appendSingle(b.appendWord(ids), r)
		} else {
			b.word = utf8.AppendRune(b.word, r)
		}
	}
	return ids
}

// appendSingle appends a word of one character.
func (b *bert) appendSingle(ids []int32, r rune) []int32 {
	if !b.collect {
		return append(ids, b.id(r))
	}
	return b.appendCollected(ids, utf8.AppendRune(b.word, r)[len(continuation):])
}

// appendCollected puts a word behind the last one that ids knows of.
func (b *bert) appendCollected(ends []int32, word []byte) []int32 {
	start := int32(0)
	if len(ends) > 0 {
		start = ends[len(ends)-1]
	}
	b.words = append(b.words[:start], word...)
	return append(ends, int32(len(b.words)))
}

// appendWord appends the pieces of the current word, if there is one, and starts a new word.
func (b *bert) appendWord(ids []int32) []int32 {
	const first = len(continuation)
	if len(b.word) == first {
		return ids
	}
	word := b.word
	b.word = word[:first]
	if b.collect {
		return b.appendCollected(ids, word[first:])
	}
	if len(word)-first > b.maxWord && utf8.RuneCount(word[first:]) > b.maxWord {
		return append(ids, b.vocabulary.Unknown)
	}
	if id, found := b.lookup(word[first:]); found {
		return append(ids, id)
	}
	if known, found := b.cache.get(borrowed(word[first:])); found {
		return append(ids, known...)
	}
	b.key = append(b.key[:0], word[first:]...)
	before := len(ids)
	ids = b.appendPieces(ids, word)
	b.cache.put(borrowed(b.key), ids[before:])
	return ids
}

// appendPieces appends the pieces of a word, which it overwrites.
func (b *bert) appendPieces(ids []int32, word []byte) []int32 {
	const first = len(continuation)
	before := len(ids)
	for from := first; from < len(word); {
		begin := from
		if from > first {
			begin -= len(continuation) // puts ## over bytes that have been matched already
			copy(word[begin:], continuation)
		}
		id, end := b.longestMatch(word, begin, from)
		if end == from {
			return append(ids[:before], b.vocabulary.Unknown)
		}
		ids = append(ids, id)
		from = end
	}
	return ids
}

// longestMatch finds the longest token at word[begin:] that ends after from. If there is none, end is from.
func (b *bert) longestMatch(word []byte, begin, from int) (id int32, end int) {
	for end = min(len(word), begin+b.longest); end > from; end-- {
		if end < len(word) && !utf8.RuneStart(word[end]) {
			continue
		}
		if id, found := b.lookup(word[begin:end]); found {
			return id, end
		}
	}
	return 0, from
}
