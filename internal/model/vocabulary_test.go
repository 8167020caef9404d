package model

import (
	"slices"
	"strings"
	"testing"
)

// TestOutputVocabulary trains a decoder that has its own vocabulary.
func TestOutputVocabulary(t *testing.T) {
	m := tiny("word", "transformer fully_visible", "seq2seq")
	limits := Limits{Sequences: 2, Length: 8, Output: 4, OutputVocabulary: 30}
	made, err := New(m, 20, limits)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int{
		"embedding.word_embedding.weight": 20, "target.embedding.word_embedding.weight": 30, "target.output_layer.weight": 30,
	}
	for _, p := range made.Program.Parameters {
		if rows, isTable := want[p.Name]; isTable && !slices.Equal(p.Shape, []int{rows, m.EmbeddingSize}) {
			t.Errorf("%s is %v, want %d rows", p.Name, p.Shape, rows)
		}
		delete(want, p.Name)
	}
	if len(want) > 0 {
		t.Errorf("there are no %v", want)
	}

	m.ShareEmbedding = true
	if _, err := New(m, 20, limits); err == nil || !strings.Contains(err.Error(), "the source has 20 tokens and the target 30") {
		t.Errorf("error %v", err)
	}
	if _, err := New(m, 30, limits); err != nil {
		t.Error(err)
	}
}
