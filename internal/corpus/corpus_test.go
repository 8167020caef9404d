package corpus

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"uer/internal/console"
)

// place is a document without the path of its file.
type place struct {
	Number, Line int
	Sentences    []string
}

// write makes a file of a folder of its own.
func write(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func open(t testing.TB, options Options) *Corpus {
	t.Helper()
	c, err := Open(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func openText(t testing.TB, text string) *Corpus {
	t.Helper()
	return open(t, Options{Paths: []string{write(t, "corpus.txt", text)}})
}

// read collects the documents in blocks of some size, and checks that the blocks follow each other.
func read(t interface {
	Helper()
	Fatalf(string, ...any)
}, c *Corpus, division Division, size int, from Position) (all []place, blocks []Block, err error) {
	t.Helper()
	all = []place{}
	reader := c.NewReader()
	at, stored := from, 0
	for block, err := range c.Blocks(division, size, from) {
		if err != nil {
			return all, blocks, err
		}
		if block.Start.File != at.File {
			at.File, at.Offset, at.Line = block.Start.File, 0, 1
		}
		if block.Start != at || block.Stored < stored || block.Stored > c.Size {
			t.Fatalf("block %+v follows %+v and %d of %d bytes", block.Start, at, stored, c.Size)
		}
		at, stored = block.End, block.Stored
		blocks = append(blocks, block)
		for document, err := range reader.Documents(block) {
			if err != nil {
				return all, blocks, err
			}
			all = append(all, copyOf(document))
		}
	}
	if stored != c.Size && err == nil && len(blocks) > 0 && blocks[len(blocks)-1].File.plain() {
		t.Fatalf("%d of %d bytes read", stored, c.Size)
	}
	return all, blocks, nil
}

// copyOf stays valid.
func copyOf(d Document) place {
	sentences := make([]string, len(d.Sentences))
	for i, sentence := range d.Sentences {
		sentences[i] = strings.Clone(sentence)
	}
	return place{d.Number, d.Line, sentences}
}

func mustRead(t testing.TB, c *Corpus, division Division, size int) []place {
	t.Helper()
	all, _, err := read(t, c, division, size, Start)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestLines(t *testing.T) {
	for _, c := range []struct {
		text string
		want []place
	}{
		{"", []place{}},
		{"one", []place{{1, 1, []string{"one"}}}},
		{"one\n", []place{{1, 1, []string{"one"}}}},
		{"one\n\ntwo", []place{{1, 1, []string{"one"}}, {3, 3, []string{"two"}}}},
		{"one\r\ntwo\r\n", []place{{1, 1, []string{"one"}}, {2, 2, []string{"two"}}}},
		{"one\rtwo\r", []place{{1, 1, []string{"one"}}, {2, 2, []string{"two"}}}},
		{"\r\r\n\n\ra", []place{{5, 5, []string{"a"}}}},
		{"a\n\rb", []place{{1, 1, []string{"a"}}, {3, 3, []string{"b"}}}},
		{"今\u2028天\n", []place{{1, 1, []string{"今\u2028天"}}}},
		{"\ufeff今\n\ufeff天", []place{{1, 1, []string{"今"}}, {2, 2, []string{"\ufeff天"}}}},
		{"a\x00b\n", []place{{1, 1, []string{"a\x00b"}}}},
	} {
		for size := 1; size < 12; size++ {
			if got := mustRead(t, openText(t, c.text), ByLine, size); !reflect.DeepEqual(got, c.want) {
				t.Errorf("lines of %q in blocks of %d\n got %+v\nwant %+v", c.text, size, got, c.want)
			}
		}
	}
}

func TestDocuments(t *testing.T) {
	for _, c := range []struct {
		text string
		want []place
	}{
		{"", []place{}},
		{"\n \n\t\n", []place{}},
		{"a", []place{{1, 1, []string{"a"}}}},
		{"a\nb\n\nc\n", []place{{1, 1, []string{"a", "b"}}, {2, 4, []string{"c"}}}},
		{"\n\na\n \u3000\n\nb", []place{{1, 3, []string{"a"}}, {2, 6, []string{"b"}}}},
		{"a\r\n\r\nb\r\n\r\n", []place{{1, 1, []string{"a"}}, {2, 3, []string{"b"}}}},
	} {
		for size := 1; size < 20; size++ {
			if got := mustRead(t, openText(t, c.text), ByBlankLine, size); !reflect.DeepEqual(got, c.want) {
				t.Errorf("documents of %q in blocks of %d\n got %+v\nwant %+v", c.text, size, got, c.want)
			}
		}
	}
}

func TestInvalidUTF8(t *testing.T) {
	for _, c := range []struct {
		text string
		want EncodingError
	}{
		{"ok\nok\nab\xffc\n", EncodingError{"", 3, 3, 0xff, "utf-8"}},
		{"今天\xe5\n", EncodingError{"", 1, 7, 0xe5, "utf-8"}},
		{"a\r\rb\xc0\xaf", EncodingError{"", 3, 2, 0xc0, "utf-8"}},
		{"\ufeff\xed\xa0\x80", EncodingError{"", 1, 4, 0xed, "utf-8"}},
		{"\ufffd\x80", EncodingError{"", 1, 4, 0x80, "utf-8"}},
	} {
		corpus := openText(t, c.text)
		want := c.want
		want.Path = corpus.Name()
		for _, division := range []Division{ByLine, ByBlankLine} {
			_, _, err := read(t, corpus, division, 100, Start)
			var got *EncodingError
			if !errors.As(err, &got) || *got != want {
				t.Errorf("%q: error %v, want %v", c.text, err, &want)
			}
			var report bytes.Buffer
			if console.Report(&report, err); !strings.Contains(report.String(), "hint: ") {
				t.Errorf("%q: no hint in %s", c.text, report.String())
			}
		}
	}
	const message = "c.txt:3: not UTF-8: byte 0xff at column 7"
	if got := (&EncodingError{"c.txt", 3, 7, 0xff, "utf-8"}).Error(); got != message {
		t.Errorf("error %q, want %q", got, message)
	}
}

func TestOpenRefuses(t *testing.T) {
	folder := t.TempDir()
	for _, path := range []string{folder, filepath.Join(folder, "absent.txt"), filepath.Join(folder, "*.txt")} {
		if _, err := Open(Options{Paths: []string{path}}); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("opening %s: error %v", path, err)
		}
	}
}

func TestReadingStopsEarly(t *testing.T) {
	c := openText(t, "a\n\nb\n\nc\n")
	for block := range c.Blocks(ByLine, 1, Start) {
		for range c.NewReader().Documents(block) {
			break
		}
		break
	}
}

// reference divides text as the package promises, in the simplest way.
func reference(text string, division Division) (all []place) {
	text = strings.TrimPrefix(text, "\ufeff")
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	all, run, number := []place{}, place{}, 1
	end := func() {
		if run.Sentences != nil {
			all = append(all, run)
			number++
		}
		run = place{}
	}
	for i, line := range strings.Split(text, "\n") {
		switch blank := strings.TrimSpace(line) == ""; {
		case division == ByLine && !blank:
			all = append(all, place{i + 1, i + 1, []string{line}})
		case blank:
			end()
		default:
			if run.Sentences == nil {
				run = place{number, i + 1, nil}
			}
			run.Sentences = append(run.Sentences, line)
		}
	}
	end()
	return all
}

// Wherever blocks are cut, and wherever reading begins, the documents are the same.
func TestBlocks(t *testing.T) {
	text := rapid.StringOf(rapid.SampledFrom([]rune("ab今 \u3000\n\n\n\r\r")))
	folder := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		text := text.Draw(t, "text")
		path := filepath.Join(folder, "corpus.txt")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := Open(Options{Paths: []string{path}})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		division := rapid.SampledFrom([]Division{ByLine, ByBlankLine}).Draw(t, "division")
		want := reference(text, division)
		got, blocks, err := read(t, c, division, rapid.IntRange(1, 30).Draw(t, "size"), Start)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("documents %+v, error %v, want %+v", got, err, want)
		}
		if len(blocks) == 0 {
			return
		}
		from := rapid.SampledFrom(blocks).Draw(t, "block").Start
		rest, _, err := read(t, c, division, rapid.IntRange(1, 30).Draw(t, "another size"), from)
		for len(want) > 0 && want[0].Number < from.Document {
			want = want[1:]
		}
		if err != nil || !reflect.DeepEqual(rest, want) {
			t.Fatalf("from %+v: documents %+v, error %v, want %+v", from, rest, err, want)
		}
	})
}

// FuzzCorpus reads whatever a file holds.
func FuzzCorpus(f *testing.F) {
	for _, seed := range []string{"", "a\n\nb\r\nc\rd", "\ufeff今\n \u3000\n天", "\r\r\n\n\r", "a\xff\n", "\ufeff", "\xef\xbb"} {
		f.Add([]byte(seed), 7)
	}
	folder := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte, size int) {
		if size < 1 || size > 1<<16 {
			return
		}
		path := filepath.Join(folder, "text")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := Open(Options{Paths: []string{path}})
		if err != nil || !c.Files[0].plain() {
			return // it looks like another encoding, or like no text
		}
		defer c.Close()
		for _, division := range []Division{ByLine, ByBlankLine} {
			got, _, err := read(t, c, division, size, Start)
			if (err == nil) != utf8.Valid(data) {
				t.Fatalf("error %v", err)
			}
			if want := reference(string(data), division); err == nil && !reflect.DeepEqual(got, want) {
				t.Fatalf("documents %+v, want %+v", got, want)
			}
		}
	})
}

func benchmark(b *testing.B, division Division, text string) {
	c := openText(b, text)
	reader := c.NewReader()
	b.SetBytes(int64(c.Size))
	b.ReportAllocs()
	for b.Loop() {
		for block, err := range c.Blocks(division, 1<<16, Start) {
			if err != nil {
				b.Fatal(err)
			}
			for _, err := range reader.Documents(block) {
				if err != nil {
					b.Fatal(err)
				}
			}
		}
	}
}

func BenchmarkLines(b *testing.B) {
	benchmark(b, ByLine, strings.Repeat(strings.Repeat("今天的天气很好，我们去公园散步。", 20)+"\n", 2000))
}

func BenchmarkSentences(b *testing.B) {
	benchmark(b, ByBlankLine, strings.Repeat(strings.Repeat("今天的天气很好，我们去公园散步。\n", 20)+"\n", 2000))
}

// BenchmarkCarriageReturns has no "\n" at all: the search for one must not be repeated for every line.
func BenchmarkCarriageReturns(b *testing.B) {
	benchmark(b, ByLine, strings.Repeat("今天\r", 100000))
}
