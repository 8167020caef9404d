package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"uer/internal/tokenizer"
)

// TestWrittenTokenizers: the tokenizer.json of a converted model gives the ids of the tokenizer that the model was trained with.
func TestWrittenTokenizers(t *testing.T) {
	const folder = "../tokenizer/testdata/"
	lines := []string{
		"Hello world, it's  nice", "", "a", "  leading and trailing  ", "今天天气很好，我们去公园散步。", "Ｆｕｌｌ　ｗｉｄｔｈ ①②③", "naïve café 😀 emoji\tand tab",
		"A quick brown fox jumps over a lazy dog 12345 times", "　spaces of another kind　", "▁a",
		"the", " the ", "over the moon", "  the  other", "breathe thethe", // "the" is a symbol that a user defined
	}
	for name, source := range map[string]tokenizer.Source{
		"byte pairs":          {Name: "bpe", Vocabulary: folder + "small_vocab.json", Merges: folder + "small_merges.txt"},
		"SentencePiece":       {SentencePiece: folder + "small_unigram.model"},
		"SentencePiece pairs": {SentencePiece: folder + "small_pairs.model"},
	} {
		o := convertOptions{Source: source}
		words, written, err := o.tokenizer(nil)
		if err != nil {
			t.Fatal(name, err)
		}
		text, err := json.Marshal(written.Description)
		if err != nil {
			t.Fatal(name, err)
		}
		path := filepath.Join(t.TempDir(), "tokenizer.json")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		before, err := source.Read()
		if err != nil {
			t.Fatal(name, err)
		}
		after, err := tokenizer.Source{Vocabulary: path}.Read()
		if err != nil {
			t.Fatal(name, err)
		}
		a, b := before.New(), after.New()
		if written.Remark != "" {
			t.Errorf("%s: remark %q", name, written.Remark)
		}
		for _, line := range lines {
			want, got := a.AppendIDs(nil, line), b.AppendIDs(nil, line)
			if !slices.Equal(got, want) {
				t.Errorf("%s: %q is %v, want %v", name, line, got, want)
			}
		}
		if after.Vocabulary.Size() != words.Size() {
			t.Errorf("%s: %d tokens, want %d", name, after.Vocabulary.Size(), words.Size())
		}
	}
}
