package corpus

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"uer/internal/console"
	"uer/internal/durable"
)

func open(t testing.TB, text string) *Corpus {
	t.Helper()
	path := filepath.Join(t.TempDir(), "corpus.txt")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func lines(t testing.TB, c *Corpus) []Line {
	t.Helper()
	lines := []Line{}
	for line, err := range c.Lines() {
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	return lines
}

func documents(t testing.TB, c *Corpus) []Document {
	t.Helper()
	documents := []Document{}
	for document, err := range c.Documents() {
		if err != nil {
			t.Fatal(err)
		}
		documents = append(documents, document)
	}
	return documents
}

func TestLines(t *testing.T) {
	for _, c := range []struct {
		text string
		want []Line
	}{
		{"", []Line{}},
		{"one", []Line{{1, 3, "one"}}},
		{"one\n", []Line{{1, 4, "one"}}},
		{"one\n\ntwo", []Line{{1, 4, "one"}, {2, 5, ""}, {3, 8, "two"}}},
		{"one\r\ntwo\r\n", []Line{{1, 5, "one"}, {2, 10, "two"}}},
		{"one\rtwo\r", []Line{{1, 4, "one"}, {2, 8, "two"}}},
		{"\r\r\n\n\r", []Line{{1, 1, ""}, {2, 3, ""}, {3, 4, ""}, {4, 5, ""}}},
		{"a\n\rb", []Line{{1, 2, "a"}, {2, 3, ""}, {3, 4, "b"}}},
		{"今\u2028天\n", []Line{{1, 10, "今\u2028天"}}},
		{"\ufeff今\n\ufeff天", []Line{{1, 7, "今"}, {2, 13, "\ufeff天"}}},
		{"a\x00b\n", []Line{{1, 4, "a\x00b"}}},
	} {
		if got := lines(t, open(t, c.text)); !reflect.DeepEqual(got, c.want) {
			t.Errorf("lines of %q\n got %+v\nwant %+v", c.text, got, c.want)
		}
	}
}

func TestDocuments(t *testing.T) {
	for _, c := range []struct {
		text string
		want []Document
	}{
		{"", []Document{}},
		{"\n \n\t\n", []Document{}},
		{"a", []Document{{1, 1, 1, []string{"a"}}}},
		{"a\nb\n\nc\n", []Document{{1, 1, 4, []string{"a", "b"}}, {2, 4, 7, []string{"c"}}}},
		{"\n\na\n \u3000\n\nb", []Document{{1, 3, 4, []string{"a"}}, {2, 6, 11, []string{"b"}}}},
		{"a\r\n\r\nb\r\n\r\n", []Document{{1, 1, 3, []string{"a"}}, {2, 3, 8, []string{"b"}}}},
	} {
		if got := documents(t, open(t, c.text)); !reflect.DeepEqual(got, c.want) {
			t.Errorf("documents of %q\n got %+v\nwant %+v", c.text, got, c.want)
		}
	}
}

func TestInvalidUTF8(t *testing.T) {
	for _, c := range []struct {
		text string
		want EncodingError
	}{
		{"ok\nok\nab\xffc\n", EncodingError{"", 3, 3, 0xff}},
		{"今天\xe5\n", EncodingError{"", 1, 7, 0xe5}},
		{"a\r\rb\xc0\xaf", EncodingError{"", 3, 2, 0xc0}},
		{"\ufeff\xed\xa0\x80", EncodingError{"", 1, 4, 0xed}},
		{"\ufffd\x80", EncodingError{"", 1, 4, 0x80}},
	} {
		corpus := open(t, c.text)
		want := c.want
		want.Path = corpus.Path
		read := 0
		for line, err := range corpus.Lines() {
			var got *EncodingError
			if err == nil {
				read++
			} else if !errors.As(err, &got) || *got != want || line != (Line{}) {
				t.Errorf("%q: line %+v, error %v, want %v", c.text, line, err, want)
			}
		}
		if read != want.Line-1 {
			t.Errorf("%q: %d lines read before the error, want %d", c.text, read, want.Line-1)
		}
		for _, err := range corpus.Documents() {
			var report bytes.Buffer
			if console.Report(&report, err); err != nil && !strings.Contains(report.String(), "iconv") {
				t.Errorf("%q: no hint in %s", c.text, report.String())
			}
		}
	}
	const message = "c.txt:3: not UTF-8: byte 0xff at column 7"
	if got := (&EncodingError{"c.txt", 3, 7, 0xff}).Error(); got != message {
		t.Errorf("error %q, want %q", got, message)
	}
}

func TestOpenRefuses(t *testing.T) {
	folder := t.TempDir()
	for _, path := range []string{folder, filepath.Join(folder, "absent.txt")} {
		if _, err := Open(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("opening %s: error %v", path, err)
		}
	}
}

func TestReadingStopsEarly(t *testing.T) {
	c := open(t, "a\n\nb\n\nc\n")
	for range c.Lines() {
		break
	}
	for range c.Documents() {
		break
	}
}

func TestLinesAndDocumentsHoldTheWholeText(t *testing.T) {
	end := regexp.MustCompile(`\r\n|\r|\n`)
	text := rapid.StringOf(rapid.SampledFrom([]rune("ab今 \u3000\n\n\n\r\r")))
	folder := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		text := text.Draw(t, "text")
		path := filepath.Join(folder, "corpus.txt")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		var got, sentences, inDocuments []string
		for line, err := range c.Lines() {
			if err != nil || line.Number != len(got)+1 {
				t.Fatalf("line %+v, error %v", line, err)
			}
			got = append(got, line.Text)
			if strings.TrimSpace(line.Text) != "" {
				sentences = append(sentences, line.Text)
			}
		}
		want := end.Split(text, -1)
		if last := len(want) - 1; want[last] == "" {
			want = want[:last]
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") || len(got) != len(want) {
			t.Fatalf("lines %q, want %q", got, want)
		}
		for document, err := range c.Documents() {
			if err != nil || want[document.Line-1] != document.Sentences[0] {
				t.Fatalf("document %+v, error %v", document, err)
			}
			inDocuments = append(inDocuments, document.Sentences...)
		}
		if strings.Join(inDocuments, "\n") != strings.Join(sentences, "\n") {
			t.Fatalf("sentences %q, want %q", inDocuments, sentences)
		}
	})
}

// FuzzCorpus reads whatever a file holds, and compares the lines with the file and the documents with the lines.
func FuzzCorpus(f *testing.F) {
	for _, seed := range []string{"", "a\n\nb\r\nc\rd", "\ufeff今\n \u3000\n天", "\r\r\n\n\r", "a\xff\n", "\ufeff", "\xef\xbb"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c := &Corpus{Path: "fuzz", Size: len(data), mapping: &durable.Mapping{Bytes: data}}
		var sentences []string
		number, end := 0, 0
		var failure error
		for line, err := range c.Lines() {
			if failure = err; err != nil {
				break
			}
			number++
			if line.Number != number || line.End <= end || line.End > len(data) {
				t.Fatalf("line %+v after line %d, which ends at byte %d of %d", line, number-1, end, len(data))
			}
			want := strings.TrimRight(string(data[end:line.End]), "\r\n")
			if number == 1 {
				want = strings.TrimPrefix(want, "\ufeff")
			}
			if line.Text != want {
				t.Fatalf("line %d is %q, want %q", number, line.Text, want)
			}
			end = line.End
			if strings.TrimSpace(line.Text) != "" {
				sentences = append(sentences, line.Text)
			}
		}
		if (failure == nil) != utf8.Valid(data) || failure == nil && end != len(data) {
			t.Fatalf("reading ends at byte %d of %d with error %v", end, len(data), failure)
		}
		var inDocuments []string
		for document, err := range c.Documents() {
			if err != nil {
				if failure == nil || err.Error() != failure.Error() {
					t.Fatalf("documents: error %v, want %v", err, failure)
				}
				return
			}
			inDocuments = append(inDocuments, document.Sentences...)
		}
		if failure != nil || !slices.Equal(inDocuments, sentences) {
			t.Fatalf("documents hold %q, want %q and then error %v", inDocuments, sentences, failure)
		}
	})
}

func BenchmarkLines(b *testing.B) {
	c := open(b, strings.Repeat(strings.Repeat("今天的天气很好，我们去公园散步。", 20)+"\n", 2000))
	b.SetBytes(int64(c.Size))
	for b.Loop() {
		for _, err := range c.Lines() {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkCarriageReturns has no "\n" at all: the search for one must not be repeated for every line.
func BenchmarkCarriageReturns(b *testing.B) {
	c := open(b, strings.Repeat("今天\r", 100000))
	b.SetBytes(int64(c.Size))
	for b.Loop() {
		lines(b, c)
	}
}
