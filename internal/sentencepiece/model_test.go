package sentencepiece

import (
	"testing"
	"unicode/utf8"
)

// FuzzModel: a hostile model is an error, or one that makes ids of its pieces. Its ids of real models are compared with
// SentencePiece's by package tokenizer.
func FuzzModel(f *testing.F) {
	piece := func(text string, kind byte) []byte {
		return append(append([]byte{0x0a, byte(len(text) + 9), 0x0a, byte(len(text))}, text...), 0x15, 0, 0, 0x80, 0xbf, 0x18, kind)
	}
	small := append(append(append(piece("<unk>", 2), piece("a", 1)...), piece("ab", 5)...), piece("b", 4)...)
	f.Add(small, "aab")
	f.Add(append(small, 0x12, 2, 0x18, 2), "abab") // byte pairs
	f.Add(append(small, 0x1a, 8, 0x12, 6, 4, 0, 0, 0, 0, 0), "abab")
	f.Fuzz(func(t *testing.T, data []byte, text string) {
		m, err := Parse(data)
		if err != nil || !utf8.ValidString(text) {
			return
		}
		for _, id := range m.NewEncoder().AppendIDs(nil, text) {
			if id < 0 || int(id) >= len(m.Pieces) {
				t.Fatalf("id %d of %q", id, text)
			}
		}
	})
}

func TestBadModels(t *testing.T) {
	for data, want := range map[string]string{
		"":                          "not a SentencePiece model, or damaged",
		"\x0a\xff":                  "not a SentencePiece model, or damaged",
		"\x0a\x03\x0a\x01a":         "it has no piece for unknown text",
		"\x0a\x02\x0a\x00":          "piece 0 is empty, longer than 4096 bytes or not UTF-8",
		"\x0a\x05\x0a\x01a\x18\x09": "piece 0 is of the unknown kind 9",
		"\x0a\x05\x0a\x01a\x18\x02": "it has no piece that text can become",
		"\x0a\x05\x0a\x01a\x18\x02\x0a\x03\x0a\x01b\x0a\x03\x0a\x01b": `two pieces are "b"`,
		"\x0a\x05\x0a\x01a\x18\x02\x12\x02\x18\x03":                   "neither a unigram nor a BPE model",
		"\x0a\x05\x0a\x01a\x18\x02\x1a\x03\x12\x01\x00":               "its rules for normalising text are damaged",
	} {
		if _, err := Parse([]byte(data)); err == nil || err.Error() != want {
			t.Errorf("%q: error %v, want %s", data, err, want)
		}
	}
}
