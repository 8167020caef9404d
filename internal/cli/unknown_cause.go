package cli

import (
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"uer/internal/console"
	"uer/internal/instance"
	"uer/internal/tokenizer"
	"uer/internal/vocab"
)

// unknownCause guesses why a vocabulary lacks so much of a text from the most frequent words that it lacks.
func unknownCause(s instance.Settings, words []string) string {
	count := func(is func(string) bool) (n int, example string) {
		for _, word := range words {
			if is(word) {
				if n == 0 {
					example = word
				}
				n++
			}
		}
		return n, example
	}
	has := func(word string) bool { _, found := s.Vocabulary.Lookup(word); return found }
	most := func(n int) bool { return 2*n >= max(len(words), 1) }

	if n, _ := count(func(word string) bool { return strings.ContainsRune(word, unicode.ReplacementChar) }); most(n) {
		return "the text holds replacement characters (U+FFFD): it was read in a wrong encoding before, and has to be made again"
	}
	if marks := wordMarks(s.Vocabulary); marks != "" && (s.Tokenizer.Name == "bert" || s.Tokenizer.Name == "char") {
		return marks
	}
	if n, word := count(has); most(n) && s.Tokenizer.Name != "space" {
		hint := fmt.Sprintf("the vocabulary has %q as it stands in the text, but --tokenizer %s changes or divides it: ",
			word, s.Tokenizer.Name)
		if s.Tokenizer.Name == "bert" {
			hint += "--do_lower_case false keeps case and accents, "
		}
		return hint + "--tokenizer space divides text at white space only"
	}
	if n, word := count(func(word string) bool { return has(folded(word)) }); most(n) {
		return fmt.Sprintf("the vocabulary has no %q, but %q: it is for text in lower case and without accents, "+
			"which --tokenizer bert makes with --do_lower_case true", word, folded(word))
	}
	if s.Tokenizer.Name == "space" {
		if n, _ := count(func(word string) bool { return strings.ContainsFunc(word, divides) }); most(n) {
			return "--tokenizer space needs text that is divided into tokens by spaces already; --tokenizer bert or char divides it"
		}
	}
	if script := missingScript(s.Vocabulary, words); script != "" {
		return fmt.Sprintf("the vocabulary has nothing in %s: --vocab_path must be one for this language", script)
	}
	return "check that --vocab_path is the vocabulary of this text, and --tokenizer the one that it was made for"
}

// wordMarks says which tokenizer a vocabulary is for whose tokens mark the beginning of a word as no bert vocabulary does.
func wordMarks(v *vocab.Vocabulary) string {
	count := func(mark string) (n int) {
		for id := range int32(v.Size()) {
			if strings.HasPrefix(v.Token(id), mark) {
				n++
			}
		}
		return n
	}
	switch few := v.Size() / 10; {
	case count("▁") > few:
		return "the vocabulary is that of a SentencePiece model: pass the model with --spm_model_path"
	case count("Ġ") > few:
		return "the vocabulary is for byte pairs: pass --tokenizer bpe and --merges_path"
	}
	return ""
}

// lostWarned is the share of a vocabulary's tokens from which it is said that no text becomes them.
const lostWarned = 0.02

// checkLost warns of a vocabulary whose tokens a tokenizer cannot make.
func (r *textReport) checkLost(source tokenizer.Source, model *tokenizer.Model) {
	if model == nil {
		return
	}
	lost := model.Lost()
	if float64(lost.Count) <= lostWarned*float64(lost.Of) {
		return
	}
	r.warn(fmt.Sprintf("no text becomes %s of the %s tokens of %s, such as %s, because of their case or accents",
		console.Count(lost.Count), console.Count(lost.Of), source.Path(), strings.Join(lost.Examples, ", ")),
		fmt.Sprintf("--%sdo_lower_case false keeps case and accents, --%sstrip_accents false keeps accents", source.Prefix, source.Prefix))
}

// folded is a word in lower case and without accents.
func folded(word string) string {
	return norm.NFC.String(strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return unicode.ToLower(r)
	}, norm.NFD.String(word)))
}

// divides reports whether a tokenizer other than space divides words at a character.
func divides(r rune) bool { return unicode.In(r, unicode.Han, unicode.P) }

// scripts are those that vocabularies of single languages are in.
var scripts = []struct {
	name  string
	table *unicode.RangeTable
}{
	{"Chinese characters", unicode.Han}, {"Latin letters", unicode.Latin}, {"Cyrillic letters", unicode.Cyrillic},
	{"Hangul (Korean)", unicode.Hangul}, {"Kana (Japanese)", unicode.Hiragana}, {"Arabic letters", unicode.Arabic},
	{"Devanagari (Hindi)", unicode.Devanagari}, {"Thai letters", unicode.Thai}, {"Khmer letters", unicode.Khmer},
	{"Greek letters", unicode.Greek}, {"Hebrew letters", unicode.Hebrew}, {"Bengali letters", unicode.Bengali},
	{"Tamil letters", unicode.Tamil}, {"Georgian letters", unicode.Georgian}, {"Armenian letters", unicode.Armenian},
}

// missingScript returns the script of most of the words if the vocabulary has next to nothing in it.
func missingScript(v *vocab.Vocabulary, words []string) string {
	for _, script := range scripts {
		within := func(text string) bool {
			return strings.ContainsFunc(text, func(r rune) bool { return unicode.Is(script.table, r) })
		}
		n := 0
		for _, word := range words {
			if within(word) {
				n++
			}
		}
		if n == 0 || 2*n < len(words) {
			continue
		}
		known := 0
		for id := range int32(v.Size()) {
			// [UNK] and other special tokens are in Latin letters whatever the language.
			if token := v.Token(id); within(token) && !strings.HasPrefix(token, "[") && !strings.HasPrefix(token, "<") {
				known++
			}
		}
		if known == 0 || known < v.Size()/200 {
			return script.name
		}
	}
	return ""
}
