package batch

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"uer/internal/masking"
	"uer/internal/task"
	"uer/internal/vocab"
)

// golden is what UER-py's loaders gave.
type golden struct {
	Name       string
	Dataset    string
	Target     string
	Span       bool
	WorldSize  int `json:"world_size"`
	Rank       int
	BatchSize  int `json:"batch_size"`
	BufferSize int `json:"instances_buffer_size"`
	Seed       int64
	Batches    []map[string]json.RawMessage
}

func readGolden(t *testing.T) []golden {
	t.Helper()
	data, err := os.ReadFile("testdata/batches.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []golden
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// options are those of UER-py's run.
func (g *golden) options(t testing.TB, keepPadding bool) Options {
	t.Helper()
	vocabulary, err := vocab.Read("testdata/vocab.txt")
	if err != nil {
		t.Fatal(err)
	}
	masker, err := masking.New(vocabulary, masking.Options{Span: g.Span, GeometricProbability: 0.3, MaxLength: 5})
	if err != nil {
		t.Fatal(err)
	}
	return Options{Target: g.Target, Vocabulary: vocabulary, BatchSize: g.BatchSize, BufferSize: g.BufferSize, Seed: g.Seed,
		Rank: g.Rank, WorldSize: g.WorldSize, Masker: masker, KeepPadding: keepPadding}
}

// padded is a batch of UER-py: matrices of sequences by tokens.
type padded struct{ source, segments, labels, backward, outputs, outputLabels [][]int32 }

func unpack(t *testing.T, tensors map[string]json.RawMessage) (p padded, sentenceLabels []int32) {
	t.Helper()
	for name, tensor := range tensors {
		matrix := map[string]*[][]int32{"src": &p.source, "seg": &p.segments, "tgt": &p.labels, "tgt_mlm": &p.labels, "tgt_forward": &p.labels,
			"tgt_backward": &p.backward, "tgt_in": &p.outputs, "tgt_out": &p.outputLabels}[name]
		if matrix == nil || json.Unmarshal(tensor, matrix) != nil {
			if err := json.Unmarshal(tensor, &sentenceLabels); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			*matrixOrNew(matrix) = nil // cls calls its labels tgt
		}
	}
	return p, sentenceLabels
}

func matrixOrNew(matrix *[][]int32) *[][]int32 {
	if matrix == nil {
		return new([][]int32)
	}
	return matrix
}

// count returns how many leading numbers are not 0.
func count(row []int32) int {
	n := 0
	for n < len(row) && row[n] != 0 {
		n++
	}
	return n
}

// expected drops the padding from UER-py's batch.
func (g *golden) expected(t *testing.T, tensors map[string]json.RawMessage, o Options, outputLength int) *Batch {
	t.Helper()
	p, sentenceLabels := unpack(t, tensors)
	length := len(p.source[0])
	b := &Batch{Size: g.BatchSize, SequenceLength: length, SentenceLabels: sentenceLabels}
	b.Starts, b.Output.Starts = []int32{0}, []int32{0}
	for i, row := range p.source {
		n := count(p.segments[i])
		if g.Target == "t5" && !o.KeepPadding {
			n = count(row)
		}
		shown := n
		if o.KeepPadding {
			shown = length
		}
		first := len(b.Tokens)
		prefix := int32(0)
		for j := range shown {
			b.Tokens = append(b.Tokens, row[j])
			b.Positions = append(b.Positions, int32(j))
			b.Segments = append(b.Segments, p.segments[i][j])
			b.Rows = append(b.Rows, int32((g.Rank*g.BatchSize+i)*length+j))
			if p.segments[i][j] == 1 {
				prefix++
			}
		}
		b.Starts = append(b.Starts, int32(len(b.Tokens)))
		b.Lengths = append(b.Lengths, int32(n))
		b.Prefix = append(b.Prefix, prefix)
		if p.labels != nil {
			b.Predicted, b.Labels = predictions(b.Predicted, b.Labels, first, p.labels[i])
		}
		if p.backward != nil {
			b.BackwardPredicted, b.BackwardLabels = predictions(b.BackwardPredicted, b.BackwardLabels, first, p.backward[i])
		}
		if p.outputs != nil {
			b.addOutput(p.outputs[i], p.outputLabels[i], (g.Rank*g.BatchSize+i)*outputLength)
		}
	}
	return b
}

func (b *Batch) addOutput(row, labels []int32, number int) {
	b.Predicted, b.Labels = predictions(b.Predicted, b.Labels, len(b.Output.Tokens), labels)
	n := count(row)
	for j, token := range row[:n] {
		b.Output.Tokens = append(b.Output.Tokens, token)
		b.Output.Positions = append(b.Output.Positions, int32(j))
		b.Output.Segments = append(b.Output.Segments, 1)
		b.Output.Rows = append(b.Output.Rows, int32(number+j))
	}
	b.Output.Starts = append(b.Output.Starts, int32(len(b.Output.Tokens)))
	b.Output.Lengths = append(b.Output.Lengths, int32(n))
	b.Output.Prefix = append(b.Output.Prefix, int32(n))
}

func predictions(predicted, labels []int32, first int, row []int32) ([]int32, []int32) {
	for j, label := range row {
		if label > 0 {
			predicted, labels = append(predicted, int32(first+j)), append(labels, label)
		}
	}
	return predicted, labels
}

// show writes what a batch holds such that empty slices look like absent ones.
func show(b *Batch) string {
	content := *b
	content.After, content.Instances = Progress{}, nil // which UER-py does not know
	return strings.ReplaceAll(fmt.Sprintf("%+v", content), " ", "\n")
}

func TestGolden(t *testing.T) {
	targets := map[string]bool{}
	for _, g := range readGolden(t) {
		for _, keepPadding := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/%v", g.Name, keepPadding), func(t *testing.T) {
				o := g.options(t, keepPadding)
				l := newLoader(t, openDataset(t, g.Dataset), o)
				for i, tensors := range g.Batches {
					b, err := l.Next()
					if err != nil {
						t.Fatal(err)
					}
					if got, want := show(b), show(g.expected(t, tensors, o, l.OutputLength)); got != want {
						t.Fatalf("batch %d:\n%s\nwant\n%s", i, got, want)
					}
				}
			})
		}
		targets[g.Target] = true
	}
	if len(targets) != len(ByTarget) {
		t.Errorf("only %v of %d targets are tested", targets, len(ByTarget))
	}
}

// mlmGolden is the plainest of the runs.
func mlmGolden(name string) golden {
	return golden{Dataset: name, Target: "mlm", WorldSize: 1, BatchSize: 4, BufferSize: 25600, Seed: 7}
}

// TestOwnFormatGivesTheSameBatches copies UER-py's dataset into our format.
func TestOwnFormatGivesTheSameBatches(t *testing.T) {
	for _, g := range readGolden(t) {
		d := openDataset(t, g.Dataset)
		var instances []task.Instance
		for i := range d.Len() {
			var x task.Instance
			if err := d.Instance(i, &x); err != nil {
				t.Fatal(err)
			}
			instances = append(instances, x)
		}
		m := d.Metadata
		m.Target, m.VocabularySize = g.Target, 232
		own := newLoader(t, write(t, m, instances), g.options(t, false))
		foreign := newLoader(t, d, g.options(t, false))
		for range 20 {
			a, err := own.Next()
			if err != nil {
				t.Fatal(err)
			}
			b, err := foreign.Next()
			if err != nil {
				t.Fatal(err)
			}
			if show(a) != show(b) {
				t.Fatalf("%s: %s\nfrom UER-py's file:\n%s", g.Name, show(a), show(b))
			}
		}
	}
}
