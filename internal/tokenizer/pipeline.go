package tokenizer

import (
	"bytes"
	"unicode/utf8"
	"unsafe"

	"uer/internal/subword"
	"uer/internal/vocab"
)

// pipeline is a tokenizer as Hugging Face describes one: steps that normalise a line, and what splits the result, both
// between the tokens that were added.
type pipeline struct {
	added      *addedTokens // looked for in the line; nil if there are none
	steps      []step
	normalized *addedTokens // looked for in the normalised line
	splitter   splitter
	line       []byte // the line, after a step
	other      []byte // room for the next step
}

// splitter appends the ids of normalised text, which may be the beginning of a line.
type splitter interface {
	appendText(ids []int32, text []byte, isFirst bool) []int32
}

// whole is a tokenizer that treats each text as a line.
type whole struct{ Tokenizer }

func (w whole) appendText(ids []int32, text []byte, _ bool) []int32 {
	return w.AppendIDs(ids, borrowed(text))
}

// step appends the normalised form of a text to to.
type step func(to, text []byte) []byte

// wordModel appends the ids of a word.
type wordModel interface {
	appendWord(ids []int32, word []byte) []int32
}

func (p *pipeline) AppendIDs(ids []int32, line string) []int32 {
	isFirst := true
	for part, id := range p.added.divide(unsafe.Slice(unsafe.StringData(line), len(line))) { // which nothing writes to
		ids = p.appendNormalized(ids, part, isFirst)
		if id != vocab.Absent {
			ids = append(ids, id)
		}
		isFirst = false
	}
	return ids
}

func (p *pipeline) appendNormalized(ids []int32, text []byte, isFirst bool) []int32 {
	p.line = append(p.line[:0], text...)
	for _, s := range p.steps {
		p.other = s(p.other[:0], p.line)
		p.line, p.other = p.other, p.line
	}
	for part, id := range p.normalized.divide(p.line) {
		if len(part) > 0 {
			ids = p.splitter.appendText(ids, part, isFirst)
		}
		if id != vocab.Absent {
			ids = append(ids, id)
		}
		isFirst = false
	}
	return ids
}

// pieces divides text into words, which a model splits into tokens.
type pieces struct {
	words words
	model wordModel
	word  []byte
}

// words is how a line is divided.
type words struct {
	atSpace bool // at white space, which is dropped
	meta    bool // a space becomes ▁
	prefix  prefix
	split   bool // before each ▁
}

// prefix says where a word gets a ▁ if it has none.
type prefix int

const (
	never prefix = iota
	atFirst
	always
)

var metaspace = []byte("▁")

func (p *pieces) appendText(ids []int32, line []byte, isFirst bool) []int32 {
	if !p.words.atSpace {
		return p.appendPart(ids, line, isFirst)
	}
	for len(line) > 0 {
		start := bytes.IndexFunc(line, func(r rune) bool { return !isWhite(r) })
		if start < 0 {
			break
		}
		end := len(line)
		if length := bytes.IndexFunc(line[start:], isWhite); length >= 0 {
			end = start + length
		}
		ids = p.appendPart(ids, line[start:end], isFirst && start == 0)
		isFirst = false
		line = line[end:]
	}
	return ids
}

// appendPart divides a part of a line at spaces that have become ▁.
func (p *pieces) appendPart(ids []int32, part []byte, isFirst bool) []int32 {
	if !p.words.meta {
		return p.appendWord(ids, part)
	}
	p.word = p.word[:0]
	hasPrefix := bytes.HasPrefix(part, metaspace) || bytes.HasPrefix(part, []byte(" "))
	if !hasPrefix && len(part) > 0 && (p.words.prefix == always || p.words.prefix == atFirst && isFirst) {
		p.word = append(p.word, metaspace...)
	}
	for _, b := range part {
		if b == ' ' {
			p.word = append(p.word, metaspace...)
		} else {
			p.word = append(p.word, b)
		}
	}
	rest := p.word
	for p.words.split && len(rest) > 0 {
		end := len(rest)
		if next := bytes.Index(rest[1:], metaspace); next >= 0 {
			end = next + 1
		}
		ids = p.appendWord(ids, rest[:end])
		rest = rest[end:]
	}
	return p.appendWord(ids, rest)
}

func (p *pieces) appendWord(ids []int32, word []byte) []int32 {
	if len(word) == 0 {
		return ids
	}
	return p.model.appendWord(ids, word)
}

// fallback is what stands for characters that are no tokens: the tokens of their bytes, or an unknown one.
type fallback struct {
	unknown int32 // Absent: the character is dropped
	bytes   *[256]int32
	fuse    bool // several unknown characters are one token
}

// byteTokens returns the ids of the tokens <0x00> to <0xFF>, Absent for those that there are not.
func byteTokens(v *vocab.Vocabulary) *[256]int32 {
	const digits = "0123456789ABCDEF"
	ids := new([256]int32)
	for b := range ids {
		id, found := v.Lookup("<0x" + string(digits[b>>4]) + string(digits[b&15]) + ">")
		if !found {
			id = vocab.Absent
		}
		ids[b] = id
	}
	return ids
}

// appendBytes appends the tokens of bytes and reports whether there are all.
func (f *fallback) appendBytes(ids []int32, text []byte) ([]int32, bool) {
	if f.bytes == nil {
		return ids, false
	}
	before := len(ids)
	for _, b := range text {
		if f.bytes[b] == vocab.Absent {
			return ids[:before], false
		}
		ids = append(ids, f.bytes[b])
	}
	return ids, true
}

// unigramWords splits words by a unigram model.
type unigramWords struct {
	path *subword.Path
	fallback
}

func (u *unigramWords) appendWord(ids []int32, word []byte) []int32 {
	pieces := u.path.Split(word)
	for i := 0; i < len(pieces); i++ {
		if pieces[i].ID >= 0 {
			ids = append(ids, pieces[i].ID)
			continue
		}
		start := pieces[i].Start
		for i+1 < len(pieces) && pieces[i+1].ID < 0 {
			i++
		}
		more, all := u.appendBytes(ids, word[start:pieces[i].End])
		if ids = more; !all {
			ids = append(ids, u.unknown)
		}
	}
	return ids
}

// pairWords merges the characters of words.
type pairWords struct {
	merger       *subword.Merger
	known        known
	ignoreMerges bool // a word that is a token stays whole
	symbols      []int32
	fallback
}

func (p *pairWords) appendWord(ids []int32, word []byte) []int32 {
	if p.ignoreMerges {
		if id, found := p.known.lookup(word); found {
			return append(ids, id)
		}
	}
	p.symbols = p.symbols[:0]
	pending := false // an unknown token is to be added before the next known one
	for start, size := 0, 0; start < len(word); start += size {
		_, size = utf8.DecodeRune(word[start:])
		character := word[start : start+size]
		if id, found := p.known.lookup(character); found {
			if pending {
				p.symbols, pending = append(p.symbols, p.unknown), false
			}
			p.symbols = append(p.symbols, id)
			continue
		}
		more, all := p.appendBytes(p.symbols, character)
		if p.symbols = more; all || p.unknown == vocab.Absent {
			continue
		}
		if pending && !p.fuse {
			p.symbols = append(p.symbols, p.unknown)
		}
		pending = true
	}
	if pending {
		p.symbols = append(p.symbols, p.unknown)
	}
	return append(ids, p.merger.Merge(p.symbols)...)
}
