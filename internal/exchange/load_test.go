package exchange

import (
	"slices"
	"strings"
	"testing"

	"uer/internal/console"
	"uer/internal/graph"
	"uer/internal/statedict"
	"uer/internal/vocab"
)

// program has a word table that is also the output layer, positions, and a relative position table.
func program() *graph.Program {
	p := new(graph.Program)
	p.AddParameter(graph.Parameter{Name: "embedding.word_embedding.weight", Aliases: []string{"target.output_layer.weight"}, Shape: graph.Shape{9, 2}})
	p.AddParameter(graph.Parameter{Name: "embedding.position_embedding.weight", Shape: graph.Shape{4, 2}})
	p.AddParameter(graph.Parameter{Name: positionTable, Shape: graph.Shape{2, 2}})
	p.AddParameter(graph.Parameter{Name: "encoder.transformer.0.feed_forward.linear_1.weight", Shape: graph.Shape{3, 2}})
	return p
}

// tensor has rows whose values are their number.
func tensor(name string, rows, columns int, plus float32) statedict.Tensor {
	t := statedict.Tensor{Name: name, Shape: []int{rows, columns}}
	for i := range rows * columns {
		t.Data = append(t.Data, float32(i/columns)+plus)
	}
	return t
}

func vocabulary(t *testing.T, tokens ...string) *vocab.Vocabulary {
	t.Helper()
	v, err := vocab.Parse("vocab.txt", []byte(strings.Join(append([]string{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}, tokens...), "\n")), vocab.Special{})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// load loads tensors into parameters that are all -1.
func load(options Options, tensors ...statedict.Tensor) (*graph.Program, []float32, Match, error) {
	p := program()
	values := slices.Repeat([]float32{-1}, p.ParameterSize)
	match, err := (&Source{Path: "m.bin", Tensors: tensors}).Load(options, p, values)
	return p, values, match, err
}

func TestResizeByToken(t *testing.T) {
	before := vocabulary(t, "书", "店", "##s", "x")               // ids 5 to 8
	after := vocabulary(t, "店", "书店", "[new]", "xs")            // 书 is dropped
	table := tensor("embedding.word.embedding.weight", 9, 2, 0) // as large as the model's, in another order
	p, values, match, err := load(Options{Resize: true, Vocabulary: before, Model: after}, table)
	if err != nil {
		t.Fatal(err)
	}
	want := []float32{0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 6, 6, 5.5, 5.5, -1, -1, 7.5, 7.5}
	if got := values[:18]; !slices.Equal(got, want) {
		t.Errorf("word table %v, want %v", got, want)
	}
	counts := Resized{Name: p.Parameters[0].Name, From: 9, To: 9, Kept: 6, Means: 2, Drawn: 1, Dropped: 3}
	if len(match.Resized) != 1 || match.Resized[0] != counts {
		t.Errorf("counts %+v, want %+v", match.Resized, counts)
	}
}

func TestResizeByRow(t *testing.T) {
	p, values, match, err := load(Options{Resize: true},
		tensor("embedding.word_embedding.weight", 7, 2, 0), tensor("embedding.position_embedding.weight", 6, 2, 0))
	if err != nil {
		t.Fatal(err)
	}
	if want := []float32{6, 6, -1, -1, -1, -1}; !slices.Equal(values[12:18], want) {
		t.Errorf("end of the word table %v, want %v", values[12:18], want)
	}
	if at := p.Parameters[1].Offset; !slices.Equal(values[at:at+8], []float32{0, 0, 1, 1, 2, 2, 3, 3}) {
		t.Errorf("positions %v", values[at:at+8])
	}
	if len(match.Resized) != 2 || match.Resized[1].Dropped != 2 || match.Resized[0].Drawn != 2 {
		t.Errorf("counts %+v", match.Resized)
	}
}

// TestCauses: an error names what really differs and what to do, and nothing is loaded.
func TestCauses(t *testing.T) {
	for _, test := range []struct {
		tensor statedict.Tensor
		want   []string
	}{
		{tensor("embedding.position_embedding.weight", 2, 2, 0), []string{"is 2x2, the model has 4x2",
			"the file has 2 positions: pass --resize to keep them and initialise the other 2, or --max_seq_length 2"}},
		{tensor("embedding.position_embedding.weight", 6, 2, 0), []string{"pass --max_seq_length 6", "or --resize to keep the first 4"}},
		{tensor("embedding.word_embedding.weight", 11, 2, 0), []string{"a vocabulary of 11 tokens, --vocab_path has 9", "--resize"}},
		{tensor("embedding.word_embedding.weight", 9, 4, 0), []string{"another emb_size"}},
		{tensor("encoder.transformer.0.feed_forward.linear_1.weight", 5, 2, 0), []string{"another feedforward_size"}},
	} {
		good := tensor(positionTable, 2, 2, 5)
		_, values, _, err := load(Options{}, good, test.tensor)
		var report strings.Builder
		console.Report(&report, err)
		for _, want := range test.want {
			if !strings.Contains(report.String(), want) {
				t.Errorf("%s %v: %s; want %s", test.tensor.Name, test.tensor.Shape, &report, want)
			}
		}
		if slices.ContainsFunc(values, func(v float32) bool { return v != -1 }) {
			t.Errorf("%s %v: something was loaded", test.tensor.Name, test.tensor.Shape)
		}
	}
}

// TestNamesThatDisagree: names of two versions for one parameter must hold the same; a shared weight may differ, as in
// PyTorch, where the last one counts; of TencentPretrain's tables of positions, those in the layers count.
func TestNamesThatDisagree(t *testing.T) {
	_, _, _, err := load(Options{}, tensor("embedding.word_embedding.weight", 9, 2, 0), tensor("embedding.word.embedding.weight", 9, 2, 1))
	if err == nil || !strings.Contains(err.Error(), "are one parameter under two names, but differ") {
		t.Errorf("error %v", err)
	}
	_, values, match, err := load(Options{}, tensor("embedding.word_embedding.weight", 9, 2, 0), tensor("target.lm.output_layer.weight", 9, 2, 1))
	if err != nil || values[0] != 1 || !slices.Equal(match.Unused, []string{"embedding.word_embedding.weight"}) {
		t.Errorf("%v, %+v, %v", values[0], match, err)
	}
	for _, order := range [][2]int{{0, 1}, {1, 0}} {
		tables := []statedict.Tensor{tensor(positionTable, 2, 2, 0), tensor("encoder.transformer.0"+positionSuffix, 2, 2, 5)}
		p, values, match, err := load(Options{}, tables[order[0]], tables[order[1]])
		if at := p.Parameters[2].Offset; err != nil || values[at] != 5 || !slices.Equal(match.Unused, []string{positionTable}) {
			t.Errorf("%v, %+v, %v", values[at], match, err)
		}
	}
}

// TestAverage averages every tensor once, shared ones too.
func TestAverage(t *testing.T) {
	model := func(plus float32) *Model {
		word := tensor("embedding.word_embedding.weight", 3, 2, plus)
		output, newer := word, word
		output.Name, newer.Name = "target.output_layer.weight", "embedding.word.embedding.weight"
		m, err := (&Source{Tensors: []statedict.Tensor{word, output, newer}}).Model()
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	m := model(0)
	if err := m.Average([]*Model{model(1), model(5)}, []string{"a", "b", "c"}); err != nil {
		t.Fatal(err)
	}
	if len(m.Values) != 1 || !slices.Equal(m.Values[0], []float32{2, 2, 3, 3, 4, 4}) {
		t.Errorf("mean %v", m.Values)
	}
	other := model(0)
	other.Layout.Parameters[0].Shape = graph.Shape{2, 3}
	if err := m.Average([]*Model{other}, []string{"a", "b"}); err == nil {
		t.Error("shapes that differ were averaged")
	}
}
