package tokenizer

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"unicode/utf8"
)

// TestReferences compares tokenizers with what the libraries of others make of the same texts. A file holds a Source, then a
// text and its ids on each line. Those in testdata are samples; UER_TEST_TOKENS is a pattern of names of further files.
func TestReferences(t *testing.T) {
	files, err := filepath.Glob("testdata/*.tokens.jsonl")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	if pattern := os.Getenv("UER_TEST_TOKENS"); pattern != "" {
		more, err := filepath.Glob(pattern)
		if err != nil || len(more) == 0 {
			t.Fatal(more, err)
		}
		files = append(files, more...)
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) { compare(t, path) })
	}
}

func compare(t *testing.T, path string) {
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<24)
	var source Source
	if !lines.Scan() || json.Unmarshal(lines.Bytes(), &source) != nil {
		t.Fatal("no source")
	}
	model, err := source.Read()
	if err != nil {
		t.Fatal(err)
	}
	tokenizer := model.New()
	texts, different := 0, 0
	var ids []int32
	for lines.Scan() {
		var want struct {
			Text string  `json:"t"`
			IDs  []int32 `json:"i"`
		}
		if err := json.Unmarshal(lines.Bytes(), &want); err != nil || !utf8.ValidString(want.Text) {
			t.Fatal(lines.Text(), err)
		}
		texts++
		if ids = tokenizer.AppendIDs(ids[:0], want.Text); slices.Equal(ids, want.IDs) {
			continue
		}
		if different++; different <= 10 {
			t.Errorf("%+q\n got %q\nwant %q", want.Text, tokens(model.Vocabulary, ids), tokens(model.Vocabulary, want.IDs))
		}
	}
	if err := lines.Err(); err != nil {
		t.Error(err)
	}
	t.Logf("%d of %d texts differ", different, texts)
}
