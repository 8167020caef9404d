package tokenizer

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"uer/internal/vocab"
)

// recorded is a text and its tokens according to UER-py.
type recorded struct {
	Text     string   `json:"text"`
	Bert     []string `json:"bert"`
	BertIDs  []int32  `json:"bert_ids"`
	Char     []string `json:"char"`
	CharIDs  []int32  `json:"char_ids"`
	Space    []string `json:"space"`
	SpaceIDs []int32  `json:"space_ids"`
}

func read(t testing.TB, path string, into any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatal(err)
	}
}

func vocabulary(t testing.TB, path string) *vocab.Vocabulary {
	t.Helper()
	v, err := vocab.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// chinese returns Google's Chinese vocabulary. It is not part of the repository: UER_TEST_VOCABULARY is its path.
func chinese(t testing.TB) *vocab.Vocabulary {
	path := os.Getenv("UER_TEST_VOCABULARY")
	if path == "" {
		t.Skip("UER_TEST_VOCABULARY does not name google_zh_vocab.txt")
	}
	return vocabulary(t, path)
}

// tokens returns the tokens with the given ids.
func tokens(v *vocab.Vocabulary, ids []int32) []string {
	tokens := make([]string, len(ids))
	for i, id := range ids {
		tokens[i] = v.Token(id)
	}
	return tokens
}

// check compares what the named tokenizer makes of a text with tokens and their ids.
func check(t *testing.T, v *vocab.Vocabulary, name, text string, tokenizer Tokenizer, want []string, ids []int32) {
	t.Helper()
	got := tokenizer.AppendIDs([]int32{-1}, text)
	if !slices.Equal(got[1:], ids) || got[0] != -1 {
		t.Errorf("%s ids of %q\n got %d\nwant %d", name, text, got[1:], ids)
	}
	if got := tokens(v, got[1:]); !slices.Equal(got, want) {
		t.Errorf("%s tokens of %q\n got %q\nwant %q", name, text, got, want)
	}
}

func TestTokenizersOfUER(t *testing.T) {
	v := vocabulary(t, "testdata/vocab.txt")
	var file struct{ Cases []recorded }
	read(t, "testdata/cases.json", &file)
	bert, char, space := ByName["bert"](v).New(), ByName["char"](v).New(), ByName["space"](v).New()
	spaced := 0
	otherSpace := func(r rune) bool { return r != ' ' && vocab.IsSpace(r) }
	for _, c := range file.Cases {
		check(t, v, "bert", c.Text, bert, c.Bert, c.BertIDs)
		check(t, v, "char", c.Text, char, c.Char, c.CharIDs)
		if !strings.Contains(c.Text, "  ") && !strings.ContainsFunc(c.Text, otherSpace) && strings.TrimSpace(c.Text) != "" {
			check(t, v, "space", c.Text, space, c.Space, c.SpaceIDs) // elsewhere, UER-py makes unknown tokens
			spaced++
		}
	}
	if spaced < 20 {
		t.Errorf("%d texts for space", spaced)
	}
}

func TestChineseVocabulary(t *testing.T) {
	v := chinese(t)
	var file struct {
		Cases []struct {
			Text   string
			Tokens []string
			IDs    []int32
		}
		Oddities struct {
			ID343 string           `json:"id_343"`
			Hash  int32            `json:"id_of_##"`
			IDs   map[string]int32 `json:"ids"`
		}
		Size int `json:"vocab_size"`
	}
	read(t, "testdata/google_zh.json", &file)
	bert := ByName["bert"](v).New()
	for _, c := range file.Cases {
		check(t, v, "bert", c.Text, bert, c.Tokens, c.IDs)
	}
	if v.Size() != file.Size || v.Token(343) != file.Oddities.ID343 || v.ID("##") != file.Oddities.Hash {
		t.Errorf("size %d, token 343 %q, id of ## %d; want %+v", v.Size(), v.Token(343), v.ID("##"), file)
	}
	for token, id := range file.Oddities.IDs {
		if v.ID(token) != id {
			t.Errorf("id of %s is %d, want %d", token, v.ID(token), id)
		}
	}
}
