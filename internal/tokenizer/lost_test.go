package tokenizer

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"uer/internal/vocab"
)

func TestLost(t *testing.T) {
	tokens := strings.Fields("[PAD] [UNK] [CLS] [SEP] [MASK] [unused1] <extra_id_0> a A ##B möchte 中 ##中 ， \u0301 É 😀")
	v, err := vocab.New("v", tokens, vocab.Special{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		rules rules
		want  []string
	}{
		{ofUER, []string{"A", "##B", "möchte", "É"}},
		{rules{lower: true, strip: true}, []string{"A", "##B", "möchte", "É"}},
		{rules{lower: true}, []string{"A", "##B", "É"}},
		{rules{strip: true}, []string{"möchte", "É"}},
		{rules{}, nil},
	} {
		if got := bertModel(v, c.rules).Lost(); got.Count != len(c.want) || !slices.Equal(got.Examples, c.want) || got.Of != 10 {
			t.Errorf("%+v: %+v, want %q", c.rules, got, c.want)
		}
	}
	if got := ByName["space"](v).Lost(); got.Count != 0 {
		t.Errorf("space: %+v", got)
	}
}

// TestLostTokensAreLost: no text becomes them, not even their own.
func TestLostTokensAreLost(t *testing.T) {
	v := everyCharacter(t)
	for _, r := range []rules{ofUER, {lower: true}, {strip: true}} {
		tokenizer := bertModel(v, r).New()
		rapid.Check(t, func(t *rapid.T) {
			id := rapid.Int32Range(5, int32(v.Size()-1)).Draw(t, "id")
			token := v.Token(id)
			if r.changesText(strings.TrimPrefix(token, continuation)) && slices.Contains(tokenizer.AppendIDs(nil, token), id) {
				t.Fatalf("%+v: %q", r, token)
			}
		})
	}
}

// TestWords: words of a text are those that are looked up.
func TestWords(t *testing.T) {
	v := everyCharacter(t)
	for _, source := range []Source{{Name: "bert"}, {Name: "bert", LowerCase: "false"}, {Name: "char"}, {Name: "space"}} {
		model := ByName[source.Name](v)
		if source.LowerCase != "" {
			model = bertModel(v, source.rules())
		}
		tokenizer, words := model.New(), source.Words()()
		rapid.Check(t, func(t *rapid.T) {
			text := characters.Draw(t, "text")
			var apart []int32
			words(text, func(word []byte) {
				if len(word) == 0 {
					t.Fatalf("%q: an empty word", text)
				}
				apart = append(apart, v.ID(string(word)))
			})
			if got := tokenizer.AppendIDs(nil, text); source.Name != "bert" && !slices.Equal(got, apart) {
				t.Fatalf("%s: %q\n got %q\nwant %q", source.Name, text, tokens(v, apart), tokens(v, got))
			}
			if source.Name != "bert" {
				return
			}
			var again []int32
			words(text, func(word []byte) { again = append(again, tokenizer.AppendIDs(nil, string(word))...) })
			if got := tokenizer.AppendIDs(nil, text); !slices.Equal(got, again) {
				t.Fatalf("%+v: %q\n got %q\nwant %q", source, text, tokens(v, again), tokens(v, got))
			}
		})
	}
}
