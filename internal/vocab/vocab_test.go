package vocab

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
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
		{"blank line", "\n", ""},
		{"blank Windows line", "\r\n", ""},
		{"no line end", "last", "last"},
		{"zero width space is not a space", "\u200bx\n", "\u200bx"},
	} {
		v, err := Parse("test", []byte(minimal+c.lines))
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
		{"two blank lines", minimal + "\n\n", `v.txt:7: duplicate token "", first on line 6`, "remove one"},
		{"duplicate by its first word", minimal + "a b\na c\n", `v.txt:7: duplicate token "a", first on line 6`, ""},
		{"not UTF-8", minimal + "ab\nx\u4e2d\xffy\n", "v.txt:7: not UTF-8: byte 0xff at column 5", ""},
		{"surrogate", minimal + "\xed\xa0\x80\n", "v.txt:6: not UTF-8: byte 0xed at column 1", ""},
		{"replacement character is UTF-8", minimal + "\ufffd\xfe\n", "v.txt:6: not UTF-8: byte 0xfe at column 4", ""},
		{"no unknown token", strings.Replace(minimal, "[UNK]\n", "", 1), "v.txt: the vocabulary lacks [UNK]", "add a line [UNK]"},
		{"no mask", strings.Replace(minimal, "[MASK]\n", "", 1), "v.txt: the vocabulary lacks [MASK]", "add a line [MASK]"},
		{"no padding", strings.Replace(minimal, "[PAD]\n", "", 1), "v.txt: [UNK] is on line 1, which is reserved for the padding", "put [PAD] on the first line"},
	} {
		_, err := Parse("v.txt", []byte(c.data))
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

// TestPaddingOfAnyName accepts any token as the padding.
func TestPaddingOfAnyName(t *testing.T) {
	v, err := Parse("test", []byte(strings.Replace(minimal, "[PAD]", "<pad>", 1)))
	if err != nil || v.Padding != 0 || v.Token(0) != "<pad>" {
		t.Errorf("%+v, error %v", v, err)
	}
}

func TestRoundTrip(t *testing.T) {
	word := rapid.StringN(1, 8, -1).Filter(func(word string) bool {
		return utf8.ValidString(word) && !strings.ContainsFunc(word, IsSpace) && !strings.Contains(minimal, word)
	})
	rapid.Check(t, func(t *rapid.T) {
		tokens := rapid.SliceOfNDistinct(word, 0, 50, rapid.ID[string]).Draw(t, "tokens")
		v, err := Parse("test", []byte(minimal+strings.Join(tokens, "\n")))
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
		v, err := Parse("test", data)
		if err != nil {
			return
		}
		lines := bytes.Count(data, []byte("\n"))
		if !bytes.HasSuffix(data, []byte("\n")) {
			lines++
		}
		if v.Size() != lines {
			t.Errorf("%d tokens from %d lines", v.Size(), lines)
		}
		for id := range int32(v.Size()) {
			if v.ID(v.Token(id)) != id {
				t.Errorf("token %d is %q, which has id %d", id, v.Token(id), v.ID(v.Token(id)))
			}
		}
	})
}

func BenchmarkParse(b *testing.B) {
	data, err := os.ReadFile("../../models/demo_vocab.txt")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := Parse("demo_vocab.txt", data); err != nil {
			b.Fatal(err)
		}
	}
}
