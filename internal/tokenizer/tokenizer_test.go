package tokenizer

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"uer/internal/vocab"
)

// recorded is what UER-py's tokenizers made of a text.
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

// chinese returns Google's Chinese vocabulary, which is not part of the repository: UER_TEST_VOCABULARY is its path.
func chinese(t testing.TB) *vocab.Vocabulary {
	path := os.Getenv("UER_TEST_VOCABULARY")
	if path == "" {
		t.Skip("UER_TEST_VOCABULARY does not name google_zh_vocab.txt")
	}
	return vocabulary(t, path)
}

func check(t *testing.T, name, text string, made Tokenizer, tokens []string, ids []int32) {
	t.Helper()
	if got := made.Tokens(text); !slices.Equal(got, tokens) {
		t.Errorf("%s tokens of %q\n got %q\nwant %q", name, text, got, tokens)
	}
	if got := made.AppendIDs([]int32{-1}, text); !slices.Equal(got[1:], ids) || got[0] != -1 {
		t.Errorf("%s ids of %q\n got %d\nwant %d", name, text, got[1:], ids)
	}
}

func TestTokenizersOfUER(t *testing.T) {
	v := vocabulary(t, "testdata/vocab.txt")
	var file struct{ Cases []recorded }
	read(t, "testdata/cases.json", &file)
	bert, char, space := ByName["bert"](v), ByName["char"](v), ByName["space"](v)
	for _, c := range file.Cases {
		check(t, "bert", c.Text, bert, c.Bert, c.BertIDs)
		check(t, "char", c.Text, char, c.Char, c.CharIDs)
		if strings.TrimSpace(c.Text) == "" {
			c.Space, c.SpaceIDs = nil, nil // UER-py makes an unknown token of a blank line
		}
		check(t, "space", c.Text, space, c.Space, c.SpaceIDs)
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
	bert := ByName["bert"](v)
	for _, c := range file.Cases {
		check(t, "bert", c.Text, bert, c.Tokens, c.IDs)
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
