package tokenizer

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"uer/internal/vocab"
)

// wordStart is the mark of a SentencePiece token that begins a word.
const wordStart = '▁'

// Text returns the text that tokens spell, as far as that is known: what a tokenizer drops from a text, such as the case of
// letters or the spaces between Chinese characters, does not come back.
func (m *Model) Text(ids []int32) string {
	tokens := make([]string, len(ids))
	for i, id := range ids {
		tokens[i] = m.Vocabulary.Token(id)
	}
	return m.speller()(tokens)
}

// speller returns how tokens are joined. That of a tokenizer.json shows in its tokens.
func (m *Model) speller() func(tokens []string) string {
	name := m.Name
	has := func(token string) bool { _, found := m.Vocabulary.Lookup(token); return found }
	switch {
	case name == "char":
		return func(tokens []string) string { return strings.Join(tokens, "") }
	case name == "space":
		return func(tokens []string) string { return strings.Join(tokens, " ") }
	case name == "bert":
		return spellWordPieces
	case name == "bpe" || name == descriptionName && has("Ġ"):
		return spellBytes
	case name == descriptionName && !has(string(wordStart)):
		return spellWordPieces
	}
	return spellSentencePieces
}

// spellWordPieces joins the pieces of words, and puts a space between two words of letters or digits, also where a mark of
// punctuation follows the first one.
func spellWordPieces(tokens []string) string {
	var text strings.Builder
	before := ' '
	for _, token := range tokens {
		piece, continues := strings.CutPrefix(token, continuation)
		if piece == "" {
			piece, continues = token, false
		}
		first, _ := utf8.DecodeRuneInString(piece)
		if !continues && isSpelt(first) && (isSpelt(before) || strings.ContainsRune(".,;:!?)", before)) {
			text.WriteByte(' ')
		}
		text.WriteString(piece)
		before, _ = utf8.DecodeLastRuneInString(piece)
	}
	return text.String()
}

// isSpelt reports whether a character is part of a word that spaces divide from others.
func isSpelt(r rune) bool {
	return (unicode.IsLetter(r) || unicode.IsDigit(r)) && !ofUER.isIdeograph(r)
}

// spellBytes turns the characters that stand for bytes back. A token of another kind stays as it is.
func spellBytes(tokens []string) string {
	var text []byte
	for _, token := range tokens {
		from := len(text)
		for _, r := range token {
			b, found := byteOf[r]
			if !found {
				text = append(text[:from], token...)
				break
			}
			text = append(text, b)
		}
	}
	return strings.ToValidUTF8(string(text), string(utf8.RuneError))
}

var byteOf = func() map[rune]byte {
	bytes := map[rune]byte{}
	for b, r := range vocab.ByteCharacters {
		bytes[r] = byte(b)
	}
	return bytes
}()

// spellSentencePieces makes spaces of the marks that begin words, and bytes of tokens such as <0xE4>.
func spellSentencePieces(tokens []string) string {
	var text []byte
	for _, token := range tokens {
		if len(token) == len("<0x00>") && strings.HasPrefix(token, "<0x") {
			if b, err := strconv.ParseUint(token[3:5], 16, 8); err == nil {
				text = append(text, byte(b))
				continue
			}
		}
		text = append(text, token...)
	}
	spelt := strings.ReplaceAll(string(text), string(wordStart), " ")
	return strings.ToValidUTF8(strings.TrimPrefix(spelt, " "), string(utf8.RuneError))
}
