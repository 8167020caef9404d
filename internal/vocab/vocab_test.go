package vocab

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"uer/internal/console"
)

const minimal = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n"

func TestRead(t *testing.T) {
	v, err := Read("testdata/vocab.txt")
	if err != nil {
		t.Fatal(err)
	}
	if v.Size() != 232 || v.Padding != 0 || v.Unknown != 5 || v.Class != 6 || v.Separator != 7 || v.Mask != 8 {
		t.Errorf("%d tokens, special tokens %d %d %d %d %d", v.Size(), v.Padding, v.Unknown, v.Class, v.Separator, v.Mask)
	}
	data, err := os.ReadFile("testdata/vocab.txt")
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256(data); v.SHA256() != hex.EncodeToString(sum[:]) {
		t.Errorf("hash %s", v.SHA256())
	}
	for id, want := range strings.Fields(string(data)) {
		if v.Token(int32(id)) != want || v.ID(want) != int32(id) {
			t.Errorf("token %d is %q, want %q; its id is %d", id, v.Token(int32(id)), want, v.ID(want))
		}
	}
	if id, found := v.Lookup("not there"); found || v.ID("not there") != v.Unknown {
		t.Errorf("an absent token has id %d", id)
	}
}

func TestTokenOfALine(t *testing.T) {
	for _, c := range []struct{ name, lines, want string }{
		{"word", "word\n", "word"},
		{"first of two words", "one two\n", "one"},
		{"white space before", "  one\n", "one"},
		{"tab after", "one\t17\n", "one"},
		{"Windows line end", "one\r\n", "one"},
		{"ideographic space", "\u3000\n", "\u3000"},
		{"line separator", "\u2028\n", "\u2028"},
		{"token and line separator", "##\u2028\n", "##"},
		{"separator of Python", "one\x1ftwo\n", "one"},
		{"no line end", "last", "last"},
		{"zero width space is not a space", "\u200bx\n", "\u200bx"},
	} {
		v, err := Parse("test", []byte(minimal+c.lines), Special{})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		} else if v.Size() != 6 || v.Token(5) != c.want {
			t.Errorf("%s: %d tokens, the last %q, want %q", c.name, v.Size(), v.Token(int32(v.Size()-1)), c.want)
		}
	}
}

func TestBadVocabularies(t *testing.T) {
	for _, c := range []struct{ name, data, want, hint string }{
		{"empty", "", "v.txt: the vocabulary is empty", ""},
		{"duplicate", minimal + "a\nb\na\n", `v.txt:8: duplicate token "a", first on line 6`, "remove one"},
		{"duplicate by its first word", minimal + "a b\na c\n", `v.txt:7: duplicate token "a", first on line 6`, ""},
		{"not UTF-8", minimal + "ab\nx\u4e2d\xffy\n", "v.txt:7: not UTF-8: byte 0xff at column 5", ""},
		{"surrogate", minimal + "\xed\xa0\x80\n", "v.txt:6: not UTF-8: byte 0xed at column 1", ""},
		{"replacement character is UTF-8", minimal + "\ufffd\xfe\n", "v.txt:6: not UTF-8: byte 0xfe at column 4", ""},
		{"no unknown token", strings.Replace(minimal, "[UNK]\n", "", 1), "v.txt: the vocabulary lacks [UNK]", "add a line [UNK]"},
		{"no mask", strings.Replace(minimal, "[MASK]\n", "", 1), "v.txt: the vocabulary lacks [MASK]", "add a line [MASK]"},
		{"no padding", strings.Replace(minimal, "[PAD]\n", "", 1), "v.txt: [UNK] is on line 1, which is reserved for the padding", "put [PAD] on the first line"},
		{"padding last", "a\n" + minimal[6:] + "[PAD]\n", `v.txt: [PAD] is on line 6, but token 0 is the padding, so that "a" would be padding`, "put [PAD] on the first line"},
		{"padding by no name", "a\n" + minimal[6:], `v.txt: line 1 holds "a", which would be the padding`, "put [PAD] on the first line"},
		{"only blank lines", "\n\r\n", "v.txt: the vocabulary is empty", ""},
	} {
		_, err := Parse("v.txt", []byte(c.data), Special{})
		if err == nil || err.Error() != c.want {
			t.Errorf("%s: error %v, want %s", c.name, err, c.want)
			continue
		}
		var report bytes.Buffer
		console.Report(&report, err)
		if !strings.Contains(report.String(), c.hint) {
			t.Errorf("%s: no hint %q in\n%s", c.name, c.hint, report.String())
		}
	}
	folder := t.TempDir()
	for _, path := range []string{folder, filepath.Join(folder, "absent.txt")} {
		if _, err := Read(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("reading %s: error %v", path, err)
		}
	}
}

// TestWhatIsPassedOver checks that a byte order mark, line ends and blank lines change neither ids nor the identity of a
// vocabulary, and that the user is told.
func TestWhatIsPassedOver(t *testing.T) {
	plain, err := Parse("v.txt", []byte(minimal+"a\n"), Special{})
	if err != nil || plain.Remarks != nil {
		t.Fatal(plain.Remarks, err)
	}
	for _, c := range []struct{ name, data, remark string }{
		{"no line feed at the end", minimal + "a", ""},
		{"Windows line ends", strings.ReplaceAll(minimal+"a\n", "\n", "\r\n"), ""},
		{"byte order mark", "\ufeff" + minimal + "a\n", "v.txt begins with a byte order mark, which is ignored"},
		{"blank line at the end", minimal + "a\n\n", "v.txt ends with 1 blank line, which does not count"},
		{"Windows blank lines at the end", minimal + "a\r\n\r\n\r\n", "v.txt ends with 2 blank lines, which do not count"},
	} {
		v, err := Parse("v.txt", []byte(c.data), Special{})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if v.SHA256() != plain.SHA256() || v.Size() != 6 || strings.Join(v.Remarks, "\n") != c.remark {
			t.Errorf("%s: %d tokens, hash %s, remarks %q", c.name, v.Size(), v.SHA256(), v.Remarks)
		}
	}
	v, err := Parse("v.txt", []byte(minimal+"\na\n\r\nb\n"), Special{})
	if err != nil {
		t.Fatal(err)
	}
	if _, found := v.Lookup(""); v.Size() != 9 || v.ID("a") != 6 || v.ID("b") != 8 || found || v.SHA256() == plain.SHA256() {
		t.Errorf("blank lines between tokens: %d tokens, a is %d, b is %d", v.Size(), v.ID("a"), v.ID("b"))
	}
	if want := []string{"v.txt has 2 blank lines, the first is line 6; their ids stay unused"}; !slices.Equal(v.Remarks, want) {
		t.Errorf("remarks %q", v.Remarks)
	}
}

// TestSpecialTokens finds the special tokens of the usual kinds of vocabularies.
func TestSpecialTokens(t *testing.T) {
	for _, c := range []struct{ name, tokens, special, want string }{
		{"BERT", "[PAD] [UNK] [CLS] [SEP] [MASK] <s> <pad>", "", "unk 1, cls 2, sep 3, mask 4, pad 0"},
		{"UER-py's rule that token 0 is the padding", "<pad> [UNK] [CLS] [SEP] [MASK]", "", "unk 1, cls 2, sep 3, mask 4, pad 0"},
		{"RoBERTa", "<s> <pad> </s> <unk> a <mask>", "", "unk 3, cls 0, sep 2, mask 5, pad 1"},
		{"GPT-2", "! a <|endoftext|>", "", "unk 2, cls 2, sep 2"},
		{"ALBERT", "<pad> <unk> [CLS] [SEP] [MASK] a", "", "unk 1, cls 2, sep 3, mask 4, pad 0"},
		{"a map", "x a b c d e [PAD] [MASK]", `{"unk_token": "a", "cls_token": {"content": "b", "lstrip": false}, "sep_token": "c", "mask_token": "d", "pad_token": "e"}`,
			"unk 1, cls 2, sep 3, mask 4, pad 5"},
		{"a map of GPT-2", "! a <|endoftext|>", `{"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>", "unk_token": "a", "pad_token": null, "additional_special_tokens": []}`,
			"unk 1, cls 2, sep 2"},
	} {
		var special Special
		if c.special != "" {
			var err error
			if special, err = parseSpecial([]byte(c.special)); err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
		}
		v, err := New("v", strings.Fields(c.tokens), special)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		} else if got := v.SpecialTokens(); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	for _, c := range []struct{ data, want string }{
		{"[]", "not a map of special tokens"},
		{"{}", "names no special token"},
		{`{"cls_token": 3}`, "cls_token: neither a string nor"},
		{`{"cls_token": {"content": ""}}`, "cls_token: neither a string nor"},
	} {
		if _, err := parseSpecial([]byte(c.data)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %s", c.data, err, c.want)
		}
	}
	if _, err := New("v", []string{"<unk>", "<s>", "</s>"}, Special{Mask: "<mask>"}); err == nil ||
		err.Error() != "v: the vocabulary lacks <mask>, which the map of special tokens gives as mask_token" {
		t.Errorf("error %v", err)
	}
}

func TestParseJSON(t *testing.T) {
	v, err := ParseJSON("vocab.json", []byte(`{"<unk>": 3, "<s>": 0, "\u0120a": 4, "<pad>": 1, "</s>": 2}`), Special{})
	if err != nil || v.Size() != 5 || v.Token(4) != "Ġa" || v.Class != 0 || v.Mask != Absent {
		t.Errorf("%+v, error %v", v, err)
	}
	for _, c := range []struct{ data, want string }{
		{`{"a": 1.5}`, "not a vocabulary"},
		{`["a"]`, "not a vocabulary"},
		{`{"a": 0, "b": 0}`, `tokens "a" and "b" both have id 0`},
		{`{"a": 0, "b": 2}`, `token "b" has id 2, outside 0 to 1`},
		{`{"a": -1}`, `token "a" has id -1, outside 0 to 0`},
		{`{}`, "the vocabulary is empty"},
	} {
		if _, err := ParseJSON("v", []byte(c.data), Special{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %s", c.data, err, c.want)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	word := rapid.StringN(1, 8, -1).Filter(func(word string) bool {
		return utf8.ValidString(word) && !strings.ContainsFunc(word, IsSpace) && !strings.Contains(minimal, word)
	})
	rapid.Check(t, func(t *rapid.T) {
		tokens := rapid.SliceOfNDistinct(word, 0, 50, rapid.ID[string]).Draw(t, "tokens")
		v, err := Parse("test", []byte(minimal+strings.Join(tokens, "\n")), Special{})
		if err != nil {
			t.Fatal(err)
		}
		for i, token := range tokens {
			id := int32(5 + i)
			if got, found := v.LookupBytes([]byte(token)); !found || got != id || v.Token(id) != token {
				t.Fatalf("token %q has id %d, want %d", token, got, id)
			}
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"", minimal, minimal + "a\na", minimal + "\xff", minimal + "\u2028\n##\u2028\n", "\n\n\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := Parse("test", data, Special{})
		if err != nil {
			return
		}
		for id := range int32(v.Size()) {
			if token := v.Token(id); token != "" && v.ID(token) != id {
				t.Errorf("token %d is %q, which has id %d", id, token, v.ID(token))
			}
		}
		if strings.HasPrefix(v.tokens[0], byteOrderMark) {
			return
		}
		if again, err := Parse("test", []byte(strings.Join(v.tokens, "\n")), Special{}); err != nil || again.SHA256() != v.SHA256() {
			t.Errorf("written and read again: %v", err)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	data, err := os.ReadFile("../../models/demo_vocab.txt")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := Parse("demo_vocab.txt", data, Special{}); err != nil {
			b.Fatal(err)
		}
	}
}
