package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// The files that are checked in are the ones this program makes.
func TestDerivedFilesAreCurrent(t *testing.T) {
	top := filepath.Join("..", "..")
	labelled, err := os.ReadFile(filepath.Join(top, source))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range derive(string(labelled)) {
		got, err := os.ReadFile(filepath.Join(top, path))
		if err != nil {
			t.Error(err)
		} else if !bytes.Equal(got, want) {
			t.Errorf("%s differs from what %s gives: go run ./scripts/derive", path, source)
		}
	}
}

func TestSplit(t *testing.T) {
	tests := []struct {
		document string
		want     []string
	}{
		{"下雨了。你带伞了吗？快跑！", []string{"下雨了。", "你带伞了吗？", "快跑！"}},
		{"圆周率是 3.14。 Hello, world", []string{"圆周率是 3.14。", "Hello, world"}},
		{"", nil},
	}
	for _, test := range tests {
		if got := split(test.document); !slices.Equal(got, test.want) {
			t.Errorf("split(%q) = %q, want %q", test.document, got, test.want)
		}
	}
}

func TestVocabulary(t *testing.T) {
	tokens := vocabulary("雨，雨 Wi-Fi Wi-Fi\n")
	for id, want := range map[int]string{0: "[PAD]", 1: "[unused1]", 99: "[unused99]", 100: "[UNK]", 101: "[CLS]", 102: "[SEP]", 103: "[MASK]"} {
		if tokens[id] != want {
			t.Errorf("token %d is %q, want %q", id, tokens[id], want)
		}
	}
	for _, want := range []string{"雨", "，", "wi", "fi", "-", "7", "q", "##7", "##q"} {
		if !slices.Contains(tokens, want) {
			t.Errorf("%q is missing", want)
		}
	}
	if slices.Index(tokens, "i") > slices.Index(tokens, "，") {
		t.Error("a rarer character comes first")
	}
	if slices.Contains(tokens, " ") || slices.Contains(tokens, "\n") {
		t.Error("white space is a token")
	}
}
