package tokenizer

import (
	"testing"

	"uer/internal/vocab"
)

// TestText: tokens are joined as their tokenizer has divided the text.
func TestText(t *testing.T) {
	special := []string{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}
	for _, test := range []struct {
		name   string
		tokens []string
		want   string
	}{
		{"bert", []string{"这", "本", "hello", "##s", "world", ",", "100", "元", "。"}, "这本hellos world, 100元。"},
		{"bert", []string{"##s", "(", "a", ")", "b"}, "s(a) b"},
		{"char", []string{"这", " ", "a", "b"}, "这 ab"},
		{"space", []string{"one", "two"}, "one two"},
		{"bpe", []string{"Hello", "Ġworld", "!", "Ċ", "è¿Ļ"}, "Hello world!\n这"},
		{"sentencepiece", []string{"▁Hello", "▁wor", "ld", "<0xE8>", "<0xBF>", "<0x99>"}, "Hello world这"},
	} {
		v, err := vocab.New("test", append(special, test.tokens...), vocab.Special{})
		if err != nil {
			t.Fatal(err)
		}
		m := &Model{Name: test.name, Vocabulary: v}
		var ids []int32
		for i := range test.tokens {
			ids = append(ids, int32(len(special)+i))
		}
		if got := m.Text(ids); got != test.want {
			t.Errorf("%s %q: %q, want %q", test.name, test.tokens, got, test.want)
		}
	}
}
