package masking

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"uer/internal/random"
	"uer/internal/segment"
	"uer/internal/vocab"
)

func dictionary(t testing.TB) *segment.Dictionary {
	t.Helper()
	path := filepath.Join(t.TempDir(), "words.txt")
	if err := os.WriteFile(path, []byte("今天 100\n天气 50\n今 10\n天 10\n气 5\n很好 80\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	d, err := segment.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func tokensOf(t testing.TB, words string) (*vocab.Vocabulary, []int32) {
	t.Helper()
	tokens := []string{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}
	for _, word := range strings.Fields(words) {
		if !slices.Contains(tokens, word) {
			tokens = append(tokens, word)
		}
	}
	v, err := vocab.New("v", tokens, vocab.Special{})
	if err != nil {
		t.Fatal(err)
	}
	var ids []int32
	for _, word := range strings.Fields(words) {
		ids = append(ids, v.ID(word))
	}
	return v, ids
}

// TestWords: | is put between words.
func TestWords(t *testing.T) {
	for _, c := range []struct{ name, tokens, want string }{
		{"WordPiece", "[CLS] un ##aff ##able , play ##ing [SEP] ##x y", "[CLS]|un ##aff ##able|,|play ##ing|[SEP]|##x|y"},
		{"Chinese", "[CLS] 今 天 天 气 很 好 ， ab ##c 天 [SEP] 气", "[CLS]|今 天|天 气|很 好|，|ab ##c|天|[SEP]|气"},
		{"unknown", "今 [UNK] 天 气", "今|[UNK]|天 气"},
		{"GPT-2", "ab Ġcd ef Ġ, Ġä»Ĭ å¤© å¤ © Ġx", "ab|Ġcd ef|Ġ,|Ġä»Ĭ å¤©|å¤ ©|Ġx"},
		{"SentencePiece", "▁ab c ▁今天 天 气 很好 d ▁e f", "▁ab c|▁今天|天 气|很好|d|▁e f"},
		{"characters", "今 天 a b 1 , c", "今 天|a b 1|,|c"},
	} {
		v, ids := tokensOf(t, c.tokens)
		w := newWords(v, dictionary(t))
		w.divide(ids)
		var got strings.Builder
		for i, id := range ids {
			if i > 0 {
				got.WriteString(map[bool]string{true: "|", false: " "}[w.starts[i]])
			}
			got.WriteString(v.Token(id))
		}
		if got.String() != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got.String(), c.want)
		}
	}
}

func TestWithoutDictionary(t *testing.T) {
	v, ids := tokensOf(t, "今 天 play ##ing 天 气")
	w := newWords(v, nil)
	if w.divide(ids); !slices.Equal(w.starts, []bool{true, true, true, false, true, true}) {
		t.Errorf("%v", w.starts)
	}
}

// TestWholeWordsAreMasked: all tokens of a word or none, special tokens never, the text comes back, and no sequence goes
// without a mask.
func TestWholeWordsAreMasked(t *testing.T) {
	v, _ := tokensOf(t, "今 天 气 很 好 play ##ing ##s x , .")
	d := dictionary(t)
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.SampledFrom([]float64{0, 0.15, 0.4, 1}).Draw(t, "rate")
		m, err := New(v, Options{WholeWord: true, Dictionary: d, Rate: rate})
		if err != nil {
			t.Fatal(err)
		}
		text := rapid.SliceOfN(rapid.Int32Range(5, int32(v.Size()-1)), 1, 30).Draw(t, "text")
		ids := append(append([]int32{v.Class}, text...), v.Separator)
		tokens := slices.Clone(ids)
		masks := m.Mask(tokens, random.NewPython(random.Seed(rapid.Int64().Draw(t, "seed"))...), nil)
		if len(masks) == 0 {
			t.Fatal("nothing is masked")
		}
		masked := make([]bool, len(ids))
		for _, mask := range masks {
			masked[mask.Position] = true
			if tokens[mask.Position] = mask.ID; mask.ID != ids[mask.Position] {
				t.Fatalf("token %d", mask.Position)
			}
		}
		if !slices.Equal(tokens, ids) || masked[0] || masked[len(ids)-1] {
			t.Fatalf("masks %v", masks)
		}
		m.words.divide(ids)
		for i := 1; i < len(ids); i++ {
			if !m.words.starts[i] && masked[i] != masked[i-1] {
				t.Fatalf("token %d of a word is masked without the others", i)
			}
		}
	})
}

func TestMaskRate(t *testing.T) {
	for rate, want := range map[float64]int{0: 15, 0.15: 15, 0.4: 40, 1: 100} {
		if got := masker(t, Options{Rate: rate}).predicted(100); got != want {
			t.Errorf("rate %v: %d of 100 tokens, want %d", rate, got, want)
		}
	}
}
