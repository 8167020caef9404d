package wordlist

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"uer/internal/corpus"
	"uer/internal/tokenizer"
	"uer/internal/vocab"
)

func TestBuild(t *testing.T) {
	counts := Counts{"low": 5, "lower": 2, "newest": 6, "widest": 3, "x": 1}
	for _, c := range []struct {
		name    string
		size    int
		minimum int64
		want    string
	}{
		{"space", 0, 1, "newest low widest lower x"},
		{"space", 106, 1, "newest low"},
		{"space", 0, 3, "newest low widest"},
		{"bert", 0, 4, "##e ##w ##s ##t ##o l n ##ew ##es new ##est newest ##ow low"},
	} {
		l, err := Build(c.name, counts, c.size, c.minimum)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(l.Tokens[l.Special:], " "); got != c.want {
			t.Errorf("%s, size %d, minimum %d:\n got %s\nwant %s", c.name, c.size, c.minimum, got, c.want)
		}
	}
	l, err := Build("bpe", counts, 266, 1)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(l.Merges, ", "), "e s, es t, l o, lo w, e w"; got != want || l.Tokens[265] != "ew" {
		t.Errorf("merges %s, want %s; the last token is %s", got, want, l.Tokens[265])
	}
}

func TestBadLists(t *testing.T) {
	for _, c := range []struct {
		name    string
		counts  Counts
		size    int
		minimum int64
		want    string
	}{
		{"space", Counts{}, 0, 1, "the text has no words"},
		{"space", Counts{"a": 1}, 104, 1, "--size 104: there are 104 special tokens"},
		{"bpe", Counts{"a": 1}, 260, 1, "--size 260: there are 5 special tokens and 256 bytes"},
		{"char", Counts{"a": 1}, 0, 2, "no token occurs 2 times"},
	} {
		if _, err := Build(c.name, c.counts, c.size, c.minimum); err == nil || err.Error() != c.want {
			t.Errorf("%s: error %v, want %s", c.name, err, c.want)
		}
	}
}

// TestFilesAreRead: what is written is read as the same vocabulary, for every tokenizer, and the number of workers does not
// matter.
func TestFilesAreRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		folder, err := os.MkdirTemp("", "wordlist")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(folder)
		word := rapid.StringOf(rapid.OneOf(rapid.SampledFrom([]rune("abcABC今天 \u0301,.\u2028")), rapid.Rune()))
		text := strings.Join(rapid.SliceOfN(word, 1, 40).Draw(t, "lines"), "\n") + "\na b c"
		path := filepath.Join(folder, "text")
		if err := os.WriteFile(path, []byte(strings.ToValidUTF8(text, "?")), 0o644); err != nil {
			t.Fatal(err)
		}
		s := tokenizer.Source{Name: rapid.SampledFrom(tokenizer.Names).Draw(t, "name"), Vocabulary: filepath.Join(folder, "v")}
		if s.Name == "bpe" {
			s.Merges = filepath.Join(folder, "m")
		}
		var written [2][]byte
		for i, workers := range []int{1, 3} {
			written[i] = build(t, s, path, workers)
		}
		if !bytes.Equal(written[0], written[1]) {
			t.Fatal("the vocabulary depends on the number of workers")
		}
		model, err := s.Read()
		if err != nil {
			t.Fatal(err)
		}
		if model.Vocabulary.Remarks != nil {
			t.Fatal(model.Vocabulary.Remarks)
		}
		if ids := model.New().AppendIDs(nil, "a b c"); slices.Contains(ids, model.Vocabulary.Unknown) {
			t.Fatalf("%s: %d", s.Name, ids)
		}
	})
}

func build(t *rapid.T, s tokenizer.Source, path string, workers int) []byte {
	c, err := corpus.Open(corpus.Options{Paths: []string{path}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	counts, err := Count(context.Background(), c, s.Words(), workers, func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	l, err := Build(s.Name, counts, 400, 1)
	if err != nil {
		t.Fatal(err)
	}
	var vocabulary, merges bytes.Buffer
	if err := l.WriteVocabulary(&vocabulary); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.Vocabulary, vocabulary.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	if s.Merges != "" {
		if err := l.WriteMerges(&merges); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(s.Merges, merges.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	model, err := s.Read()
	if err != nil {
		t.Fatal(err)
	}
	for id := range int32(model.Vocabulary.Size()) {
		if got := model.Vocabulary.Token(id); got != l.Tokens[id] {
			t.Fatalf("token %d is %q, want %q", id, got, l.Tokens[id])
		}
	}
	if model.Vocabulary.Size() != len(l.Tokens) {
		t.Fatalf("%d tokens, want %d", model.Vocabulary.Size(), len(l.Tokens))
	}
	return append(vocabulary.Bytes(), merges.Bytes()...)
}

func TestCoverage(t *testing.T) {
	v, err := vocab.New("v", strings.Fields("[PAD] [UNK] [CLS] [SEP] [MASK] a ##b"), vocab.Special{})
	if err != nil {
		t.Fatal(err)
	}
	c := Cover(tokenizer.ByName["bert"](v), Counts{"a": 3, "ab": 2, "c": 4, "d": 1})
	if c.Words != 10 || c.Unknown != 5 || c.Tokens != 12 || strings.Join(c.Missing, " ") != `"c" "d"` {
		t.Errorf("%+v", c)
	}
}

func BenchmarkLearn(b *testing.B) {
	demo, err := os.ReadFile("../../corpora/demo.txt")
	if err != nil {
		b.Fatal(err)
	}
	counts := Counts{}
	words := tokenizer.Source{Name: "bpe"}.Words()()
	for line := range strings.Lines(string(demo)) {
		words(line, func(word []byte) { counts[string(word)]++ })
	}
	for b.Loop() {
		if _, err := Build("bpe", counts, 3000, 1); err != nil {
			b.Fatal(err)
		}
	}
}
