// Command derive makes the other files of the demo from corpora/demo_cls.tsv, whose lines are LABEL TAB DOCUMENT: the corpus
// with one document per line, the corpus with one sentence per line, and their vocabulary. Run it from the root of the
// repository:
// go run ./scripts/derive
package main

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"unicode"
)

const (
	source         = "corpora/demo_cls.tsv"
	documentFile   = "corpora/demo.txt"
	sentenceFile   = "corpora/demo_bert.txt"
	vocabularyFile = "models/demo_vocab.txt"
)

func main() {
	labelled, err := os.ReadFile(source)
	if err == nil {
		err = write(derive(string(labelled)))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "derive:", err)
		os.Exit(1)
	}
}

func write(files map[string][]byte) error {
	for path, content := range files {
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// derive returns the contents of the derived files, by path.
func derive(labelled string) map[string][]byte {
	var documents, sentences bytes.Buffer
	for line := range strings.Lines(labelled) {
		_, document, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		fmt.Fprintln(&documents, document)
		for _, sentence := range split(document) {
			fmt.Fprintln(&sentences, sentence)
		}
		fmt.Fprintln(&sentences)
	}
	return map[string][]byte{
		documentFile:   documents.Bytes(),
		sentenceFile:   sentences.Bytes(),
		vocabularyFile: []byte(strings.Join(vocabulary(documents.String()), "\n") + "\n"),
	}
}

// split divides a document after each Chinese full stop, question mark and exclamation mark.
func split(document string) []string {
	var sentences []string
	for document != "" {
		end := len(document)
		if i := strings.IndexAny(document, "。？！"); i >= 0 {
			end = i + len("。") // all three take the same number of bytes
		}
		sentences = append(sentences, strings.TrimSpace(document[:end]))
		document = document[end:]
	}
	return sentences
}

// vocabulary returns the reserved tokens with the ids of UER-py, the characters and the repeated Latin words of the text by
// frequency, and the pieces that spell any other ASCII word, so that no such word is unknown.
func vocabulary(text string) []string {
	tokens := []string{"[PAD]"}
	for i := 1; i < 100; i++ {
		tokens = append(tokens, fmt.Sprintf("[unused%d]", i))
	}
	tokens = append(tokens, "[UNK]", "[CLS]", "[SEP]", "[MASK]")
	text = strings.ToLower(text) // the bert tokenizer lower-cases
	tokens = append(tokens, byFrequency(strings.Split(text, ""), 1)...)
	words := strings.FieldsFunc(text, func(r rune) bool { return !isWordRune(r) })
	tokens = append(tokens, byFrequency(words, 2)...)
	var continuations []string
	for r := rune('!'); r <= '~'; r++ {
		if unicode.IsUpper(r) {
			continue
		}
		tokens = append(tokens, string(r))
		if isWordRune(r) {
			continuations = append(continuations, "##"+string(r))
		}
	}
	return distinct(append(tokens, continuations...))
}

func isWordRune(r rune) bool {
	return '0' <= r && r <= '9' || 'a' <= r && r <= 'z'
}

// byFrequency returns the pieces that occur at least minimum times and are not white space, the most frequent first, equally
// frequent ones in byte order.
func byFrequency(pieces []string, minimum int) []string {
	counts := map[string]int{}
	for _, piece := range pieces {
		if strings.TrimSpace(piece) != "" {
			counts[piece]++
		}
	}
	var frequent []string
	for piece, count := range counts {
		if count >= minimum {
			frequent = append(frequent, piece)
		}
	}
	slices.SortFunc(frequent, func(a, b string) int {
		return cmp.Or(counts[b]-counts[a], strings.Compare(a, b))
	})
	return frequent
}

// distinct drops repeated tokens, in place.
func distinct(tokens []string) []string {
	seen := map[string]bool{}
	return slices.DeleteFunc(tokens, func(token string) bool {
		again := seen[token]
		seen[token] = true
		return again
	})
}
