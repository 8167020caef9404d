package corpus

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	textencoding "golang.org/x/text/encoding"
	"golang.org/x/text/encoding/unicode"
	"pgregory.net/rapid"

	"uer/internal/console"
)

func gzipped(t testing.TB, text string) string {
	t.Helper()
	var packed bytes.Buffer
	for _, part := range []string{text[:len(text)/2], text[len(text)/2:]} { // a file may have several members
		w := gzip.NewWriter(&packed)
		_, err := w.Write([]byte(part))
		if err := errors.Join(err, w.Close()); err != nil {
			t.Fatal(err)
		}
	}
	return packed.String()
}

func zstandard(t testing.TB, text string) string {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(w.EncodeAll([]byte(text), nil))
}

func encoded(t testing.TB, e textencoding.Encoding, text string) string {
	t.Helper()
	stored, err := e.NewEncoder().String(text)
	if err != nil {
		t.Fatal(err)
	}
	return stored
}

// named encodes text in an encoding that lines are decoded from.
func named(t testing.TB, name, text string) string {
	t.Helper()
	e, err := findEncoding(name)
	if err != nil {
		t.Fatal(err)
	}
	return encoded(t, e.decoder, text)
}

const (
	chinese    = "今天天气很好\n我们去公园\r\n\r\n 　\n散步。abc\n　\n\n晚上\n回家"
	japanese   = "今日は天気がいい\n公園へ行きます\n\n　　\nソフトウェア表示\n"
	korean     = "오늘은 날씨가 좋습니다\n공원에 갑니다\n\n산책"
	western    = "Il fait beau à Genève\nnous allons\n\n \xa0\nau café — déjà vu"
	everywhere = "今天 𠀀 é\n\n\u3000\n好 😀\n"
)

// However a text is stored, the documents are the same, in blocks of any size and from any position.
func TestStored(t *testing.T) {
	utf16 := func(order unicode.Endianness, mark unicode.BOMPolicy) textencoding.Encoding {
		return unicode.UTF16(order, mark)
	}
	for _, c := range []struct{ name, file, encoding, text, stored string }{
		{"plain", "a.txt", "", everywhere, everywhere},
		{"mark", "a.txt", "gb18030", everywhere, "\ufeff" + everywhere},
		{"gzip", "a.txt.gz", "", everywhere, gzipped(t, everywhere)},
		{"gzip without a name", "a", "", everywhere, gzipped(t, everywhere)},
		{"zstd", "a.zst", "utf8", everywhere, zstandard(t, everywhere)},
		{"utf-16le", "a.txt", "", everywhere, encoded(t, utf16(unicode.LittleEndian, unicode.UseBOM), everywhere)},
		{"utf-16be", "a.txt", "", everywhere, encoded(t, utf16(unicode.BigEndian, unicode.UseBOM), everywhere)},
		{"utf-16be without a mark", "a.txt", "UTF-16BE", everywhere, encoded(t, utf16(unicode.BigEndian, unicode.IgnoreBOM), everywhere)},
		{"gzip of utf-16", "a.gz", "", everywhere, gzipped(t, encoded(t, utf16(unicode.LittleEndian, unicode.UseBOM), everywhere))},
		{"gb18030", "a.txt", "GB18030", everywhere, named(t, "gb18030", everywhere)},
		{"gb18030 with U+FFFD", "a.txt", "gb18030", "好\ufffd\n", named(t, "gb18030", "好\ufffd\n")},
		{"gbk", "a.txt", "cp936", chinese, named(t, "gbk", chinese)},
		{"gzip of gbk", "a.txt.gz", "gbk", chinese, gzipped(t, named(t, "gbk", chinese))},
		{"big5", "a.txt", "Big5", "今天天氣很好\n\n　\n功能", named(t, "big5", "今天天氣很好\n\n　\n功能")},
		{"shift_jis", "a.txt", "Shift-JIS", japanese, named(t, "shift_jis", japanese)},
		{"euc-jp", "a.txt", "EUC_JP", japanese, named(t, "euc-jp", japanese)},
		{"iso-2022-jp", "a.txt", "iso-2022-jp", "今日\n\n表示", named(t, "iso-2022-jp", "今日") + "\n\n" + named(t, "iso-2022-jp", "表示")},
		{"euc-kr", "a.txt", "cp949", korean, named(t, "euc-kr", korean)},
		{"windows-1252", "a.txt", "windows-1252", "café — déjà vu\n\nà", named(t, "windows-1252", "café — déjà vu\n\nà")},
		{"latin1", "a.txt", "latin1", "café\n\n\u0085\nà", "caf\xe9\n\n\x85\n\xe0"},
		{"koi8-r", "a.txt", "KOI8-R", "Погода\n\nхорошая", named(t, "koi8-r", "Погода\n\nхорошая")},
	} {
		t.Run(c.name, func(t *testing.T) {
			corpus := open(t, Options{Paths: []string{write(t, c.file, c.stored)}, Encoding: c.encoding})
			for _, division := range []Division{ByLine, ByBlankLine} {
				want := reference(c.text, division)
				for size := 1; size < 2*len(c.text); size += 1 + size/4 {
					got, blocks, err := read(t, corpus, division, size, Start)
					if err != nil || !reflect.DeepEqual(got, want) {
						t.Fatalf("blocks of %d: %+v, error %v, want %+v", size, got, err, want)
					}
					for i, block := range blocks {
						_, rest, err := read(t, corpus, division, size, block.Start)
						if err != nil || len(rest) != len(blocks)-i {
							t.Fatalf("from %+v: %d blocks, error %v, want %d", block.Start, len(rest), err, len(blocks)-i)
						}
						for j, again := range rest {
							if again.Start != blocks[i+j].Start || again.End != blocks[i+j].End {
								t.Fatalf("from %+v: block %+v, want %+v", block.Start, again, blocks[i+j])
							}
						}
					}
				}
			}
		})
	}
}

func TestFormats(t *testing.T) {
	for _, c := range []struct{ name, stored, want, hint string }{
		{"a.xz", "\xfd7zXZ\x00...", "a.xz: not text: a file in the format xz", "xz -dc "},
		{"a.zip", "PK\x03\x04...", "a.zip: not text: a file in the format ZIP", "unzip -p "},
		{"a.parquet", "PAR1\x15\x04", "a.parquet: not text: a file in the format Parquet", "JSON lines"},
		{"a.gz", gzipped(t, everywhere)[:30], "a.gz: damaged after line 0: it ends too early", "copy the file again"},
		{"b.gz", "\x1f\x8b\x08?", "b.gz: damaged after line 0: ", "copy the file again"},
		{"a.zst", "\x28\xb5\x2f\xfd???????????????", "a.zst: damaged after line 0: ", "copy the file again"},
		{"a.txt", "\xff\xfe\x00\x00a\x00\x00\x00", "a.txt: the text is in utf-32le, which is not read", "iconv -f utf-32le"},
		{"b.txt", encoded(t, unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), "a text in plain English"),
			"b.txt: not utf-8: it has zero bytes as text in UTF-16 does", "--encoding utf-16le"},
	} {
		corpus, err := Open(Options{Paths: []string{write(t, c.name, c.stored)}})
		if err == nil {
			_, _, err = read(t, corpus, ByLine, 100, Start)
			corpus.Close()
		}
		checkReport(t, err, c.want, c.hint)
	}
	many := strings.Repeat("今天天气很好\n", 100000)
	for _, packed := range []string{gzipped(t, many), zstandard(t, many)} {
		for _, c := range []struct{ stored, want string }{
			{packed[:len(packed)*3/4], "a.txt: damaged after line "},
			{packed[:len(packed)/2] + "?" + packed[len(packed)/2+1:], "a.txt: damaged after line "},
		} {
			_, _, err := read(t, open(t, Options{Paths: []string{write(t, "a.txt", c.stored)}}), ByLine, 1<<16, Start)
			checkReport(t, err, c.want, "copy the file again")
		}
	}
	if _, err := Open(Options{Paths: []string{write(t, "a.txt", "BZh is text, and so is PK")}}); err != nil {
		t.Error(err)
	}
	_, err := Open(Options{Paths: []string{"a"}, Encoding: "klingon"})
	checkReport(t, err, `encoding "klingon" is not known`, "shift_jis")
}

func checkReport(t *testing.T, err error, want, hint string) {
	t.Helper()
	var report bytes.Buffer
	console.Report(&report, err)
	if !strings.Contains(report.String(), want) || !strings.Contains(report.String(), hint) {
		t.Errorf("report\n%s\nwant %s\nand a hint %s", report.String(), want, hint)
	}
}

func TestBzip2(t *testing.T) {
	path := write(t, "a.txt", everywhere)
	if err := exec.Command("bzip2", path).Run(); err != nil {
		t.Skip("bzip2 is missing")
	}
	if got, want := mustRead(t, open(t, Options{Paths: []string{path + ".bz2"}}), ByLine, 10), reference(everywhere, ByLine); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// A wrong byte is named, with the encodings that the text may be in and what it says there.
func TestWrongEncoding(t *testing.T) {
	for _, c := range []struct {
		encoding, stored, want string
		samples                []string
	}{
		{"", named(t, "gbk", chinese), "a.txt:1: not UTF-8: byte 0xbd at column 1", []string{"--encoding gb18030      今天天气很好"}},
		{"", "ok\n" + named(t, "big5", "今天天氣很好"), "a.txt:2: not UTF-8: byte 0xa4 at column 1", []string{"--encoding big5         今天天氣很好"}},
		{"", named(t, "shift_jis", japanese), "a.txt:1: not UTF-8: byte 0x8d at column 1", []string{"--encoding shift_jis    今日は天気がいい"}},
		{"", named(t, "euc-kr", korean), "a.txt:1: not UTF-8: byte 0xbf at column 1", []string{"--encoding euc-kr       오늘은 날씨가 좋습니다"}},
		{"", "caf\xe9 noir", "a.txt:1: not UTF-8: byte 0xe9 at column 4", []string{"--encoding windows-1252 café noir"}},
		{"gbk", chinese, "a.txt:2: not GBK: byte 0xad at column 15", []string{"--encoding utf-8        我们去公园"}},
		{"euc-kr", "abc\x80", "a.txt:1: not EUC-KR: byte 0x80 at column 4", []string{"--encoding windows-1252 abc€"}},
		{"", "今天\n天\xff气\n很好\n", "a.txt:2: not UTF-8: byte 0xff at column 4", []string{"the line is damaged; --bad_lines skip"}},
		{"", "\xff\xfea\x00\x00\xd8b\x00", "a.txt:1: not UTF-16LE: half a character", []string{"hint: the line is damaged, or the file is not UTF-16; --bad_lines skip"}},
		{"", "\xff\xfea\x00b", "a.txt:1: not UTF-16LE: half a character", []string{"--bad_lines skip"}},
		{"", "\x81\x8d\x8f\x01", "a.txt:1: not UTF-8: byte 0x81 at column 1", []string{"is it text?"}},
	} {
		corpus := open(t, Options{Paths: []string{write(t, "a.txt", c.stored)}, Encoding: c.encoding})
		_, _, err := read(t, corpus, ByLine, 1000, Start)
		for _, sample := range c.samples {
			checkReport(t, err, c.want, sample)
		}
	}
}

func TestSkipBadLines(t *testing.T) {
	for _, c := range []struct {
		file, encoding, stored string
		division               Division
		bad                    int64
		want                   []place
	}{
		{"a.txt", "", "a\n\xff\nb\n\xffc\n", ByLine, 2, []place{{1, 1, []string{"a"}}, {3, 3, []string{"b"}}}},
		{"a.txt", "", "a\n\xff\nb\n\n\xff\n\nc", ByBlankLine, 2, []place{{1, 1, []string{"a", "b"}}, {3, 7, []string{"c"}}}},
		{"a.txt", "gbk", "a\n\xff\xff\nb", ByLine, 1, []place{{1, 1, []string{"a"}}, {3, 3, []string{"b"}}}},
		{"a.txt", "", "\xff\xfea\x00\n\x00\x00\xd8\n\x00b\x00", ByLine, 1, []place{{1, 1, []string{"a"}}, {3, 3, []string{"b"}}}},
		{"a.jsonl", "", "{\"text\": \"a\"}\n{\n{\"text\": 1}\n{\"text\": \"b\"}", ByBlankLine, 2, []place{{1, 1, []string{"a"}}, {4, 4, []string{"b"}}}},
	} {
		corpus := open(t, Options{Paths: []string{write(t, c.file, c.stored)}, Encoding: c.encoding, SkipBad: true})
		for size := 1; size < 40; size++ {
			reader := corpus.NewReader()
			got := []place{}
			for block, err := range corpus.Blocks(c.division, size, Start) {
				if err != nil {
					t.Fatal(err)
				}
				for d, err := range reader.Documents(block) {
					if err != nil {
						t.Fatal(err)
					}
					got = append(got, copyOf(d))
				}
			}
			if !reflect.DeepEqual(got, c.want) || reader.BadLines != c.bad {
				t.Errorf("%q in blocks of %d: %+v and %d bad lines, want %+v and %d", c.stored, size, got, reader.BadLines, c.want, c.bad)
			}
		}
	}
}

func TestJSONLines(t *testing.T) {
	const stored = "\ufeff{\"id\": 1, \"text\": \"今天\\n\\n天气\\r\\n好\"}\n\n{\"text\": \"\", \"meta\": {\"body\": \"x\"}}\r\n{\"text\":\"\\u00e9\\ud83d\\ude00\"}"
	want := []place{{1, 1, []string{"今天", "天气", "好"}}, {4, 4, []string{"é😀"}}}
	for _, options := range []Options{
		{Paths: []string{write(t, "a.jsonl", stored)}},
		{Paths: []string{write(t, "a.NDJSON", stored)}},
		{Paths: []string{write(t, "a.jsonl.gz", gzipped(t, stored))}},
		{Paths: []string{write(t, "a.json", stored)}, TextField: "text"},
	} {
		for _, division := range []Division{ByLine, ByBlankLine} {
			if got := mustRead(t, open(t, options), division, 5); !reflect.DeepEqual(got, want) {
				t.Errorf("%+v: %+v, want %+v", options, got, want)
			}
		}
	}
	for field, stored := range map[string]string{
		"meta.body": `{"meta": {"body": "x"}, "meta.body": "y"}`, "a.b": `{"a": 1, "a.b": "x"}`, "a*": `{"ab": "y", "a*": "x"}`,
		"@this": `{"@this": "x"}`, "#": `{"#": "x"}`, "a.b|c": `{"a": {"b": {"c": "y"}, "b|c": "x"}}`, `a\.b`: `{"a.b": "y", "a\\": {"b": "x"}}`,
	} {
		corpus := open(t, Options{Paths: []string{write(t, "a.jsonl", stored)}, TextField: field})
		if got := mustRead(t, corpus, ByLine, 5); !reflect.DeepEqual(got, []place{{1, 1, []string{"x"}}}) {
			t.Errorf("the field %s of %s: %+v", field, stored, got)
		}
	}
	for _, c := range []struct{ stored, want, hint string }{
		{`{"text": 1}`, "a.jsonl:1: the field text is not a string: 1", "--text_field"},
		{`{"text": null}`, "a.jsonl:1: the field text is not a string: null", "--text_field"},
		{"\n" + `{"content": "a", "title": "b"}`, "a.jsonl:2: there is no field text", "here one of content, title"},
		{`["a"]`, "a.jsonl:1: not JSON lines", "one object per line"},
		{"{\n\"text\": \"a\"}", "a.jsonl:1: not JSON lines", "one object per line"},
		{`{"text": "\ud83d\ude00 \\ud800 \ud800"}`, `a.jsonl:1: the field text holds half a character: \ud800`, "--bad_lines skip"},
		{`{"text": "\ude00\ud83d"}`, `a.jsonl:1: the field text holds half a character: \ude00`, "--bad_lines skip"},
		{strings.Repeat(`{"a":[`, 5001) + strings.Repeat("]}", 5001), "a.jsonl:1: not JSON lines", "one object per line"},
		{"{\"text\": \"a\xff\"}", "a.jsonl:1: not UTF-8: byte 0xff at column 12", "hint: "},
	} {
		_, _, err := read(t, open(t, Options{Paths: []string{write(t, "a.jsonl", c.stored)}}), ByLine, 100, Start)
		checkReport(t, err, c.want, c.hint)
	}
}

// Any string survives being written as JSON.
func TestJSONRoundTrip(t *testing.T) {
	folder := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		line, err := json.Marshal(map[string]string{"text": text})
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(folder, "a.jsonl")
		if err := os.WriteFile(path, line, 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := Open(Options{Paths: []string{path}})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		got, _, err := read(t, c, ByLine, 100, Start)
		var want []string
		for _, sentence := range reference(text, ByBlankLine) {
			want = append(want, sentence.Sentences...)
		}
		if strings.HasPrefix(text, "\ufeff") { // the mark is text here
			return
		}
		if err != nil || len(want) > 0 != (len(got) > 0) || len(got) > 0 && !reflect.DeepEqual(got[0].Sentences, want) {
			t.Fatalf("%q: %+v, error %v, want %q", text, got, err, want)
		}
	})
}

func TestPaths(t *testing.T) {
	folder := t.TempDir()
	for _, path := range []string{"b.txt", "a.txt", "sub/c.txt", "sub/deep/d.txt", ".hidden", ".git/e", "odd[1].txt"} {
		path = filepath.Join(folder, path)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(filepath.Base(path)), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		paths []string
		want  string
	}{
		{[]string{"b.txt", "a.txt"}, "b.txt a.txt"},
		{[]string{"*.txt"}, "a.txt b.txt odd[1].txt"},
		{[]string{"odd[1].txt"}, "odd[1].txt"},
		{[]string{"[ab].txt"}, "a.txt b.txt"},
		{[]string{"sub"}, "sub/c.txt sub/deep/d.txt"},
		{[]string{"s*", "a.txt"}, "sub/c.txt sub/deep/d.txt a.txt"},
		{[]string{""}, "a.txt b.txt odd[1].txt sub/c.txt sub/deep/d.txt"},
	} {
		var paths []string
		for _, path := range c.paths {
			paths = append(paths, filepath.Join(folder, path))
		}
		corpus := open(t, Options{Paths: paths})
		var got []string
		for _, file := range corpus.Files {
			got = append(got, strings.TrimPrefix(file.Path, folder+"/"))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%q: files %q, want %q", c.paths, got, c.want)
		}
		documents := mustRead(t, corpus, ByBlankLine, 3)
		for i, document := range documents {
			if document.Number != i+1 || document.Line != 1 || document.Sentences[0] != filepath.Base(got[i]) {
				t.Errorf("%q: document %d is %+v", c.paths, i, document)
			}
		}
	}
	if _, err := Open(Options{Paths: []string{"-", "-"}}); err == nil {
		t.Error("standard input can be read twice")
	}
	if _, err := Open(Options{}); err == nil {
		t.Error("a corpus without files")
	}
}

// A file that is written to while it is read is an error, whatever of the new text was read.
func TestChangedWhileRead(t *testing.T) {
	for name, change := range map[string]func(path string) error{
		"longer":  func(path string) error { return os.WriteFile(path, []byte(strings.Repeat("b\n", 2000)), 0o600) },
		"shorter": func(path string) error { return os.Truncate(path, 100) },
		"rewritten": func(path string) error {
			return errors.Join(os.WriteFile(path, []byte(strings.Repeat("b\n", 1000)), 0o600), os.Chtimes(path, time.Now(), time.Unix(1e9, 0)))
		},
	} {
		path := write(t, "a.txt", strings.Repeat("a\n", 1000))
		c := open(t, Options{Paths: []string{path}})
		var failure error
		for block, err := range c.Blocks(ByLine, 64, Start) {
			if failure = err; err == nil && block.Start == Start {
				if err := change(path); err != nil {
					t.Fatal(err)
				}
			}
		}
		if failure == nil || !strings.Contains(failure.Error(), "written to while it was read") {
			t.Errorf("%s: error %v", name, failure)
		}
	}
}

// What comes through a pipe can be read several times, and leaves nothing behind.
func TestPipe(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	from, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		_, _ = io.WriteString(to, gzipped(t, everywhere))
		_ = to.Close()
	}()
	c := open(t, Options{Paths: []string{fmt.Sprintf("/dev/fd/%d", from.Fd())}})
	defer from.Close()
	for range 2 {
		if got, want := mustRead(t, c, ByLine, 10), reference(everywhere, ByLine); !reflect.DeepEqual(got, want) {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, error %v", left, err)
	}
}

// FuzzStored reads whatever a file holds as whatever it may be said to be. The documents do not depend on the size of blocks.
func FuzzStored(f *testing.F) {
	kinds := []Options{{}, {TextField: "text"}, {Encoding: "gb18030"}, {Encoding: "big5"}, {Encoding: "shift_jis"}, {Encoding: "iso-2022-jp"},
		{Encoding: "utf-16le"}, {Encoding: "utf-16be", TextField: "text"}, {Encoding: "windows-1252"}}
	for kind := range kinds {
		f.Add([]byte("a\n\n\x81\x30\x81\x30 \xa1\xa1\n\r\x1b$B\n"), kind, 7)
		f.Add([]byte(`{"text": "\u4eca\n"}`+"\n{}\n"), kind, 3)
	}
	f.Add([]byte(gzipped(f, everywhere)), 0, 9)
	f.Add([]byte(zstandard(f, everywhere)), 0, 9)
	folder := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte, kind, size int) {
		if kind < 0 || kind >= len(kinds) || size < 1 || size > 1<<16 {
			return
		}
		options := kinds[kind]
		options.Paths, options.SkipBad = []string{filepath.Join(folder, "text")}, true
		if err := os.WriteFile(options.Paths[0], data, 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := Open(options)
		if err != nil {
			return
		}
		defer c.Close()
		for _, division := range []Division{ByLine, ByBlankLine} {
			want, _, wrong := read(t, c, division, 1<<20, Start)
			got, _, err := read(t, c, division, size, Start)
			if (err == nil) != (wrong == nil) || err == nil && !reflect.DeepEqual(got, want) {
				t.Fatalf("blocks of %d: %+v, error %v; want %+v, error %v", size, got, err, want, wrong)
			}
		}
	})
}
