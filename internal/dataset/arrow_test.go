package dataset

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"pgregory.net/rapid"

	"uer/internal/registry"
	"uer/internal/task"
	"uer/internal/vocab"
)

// writeDataset makes a file and returns its path.
func writeDataset(t testing.TB, m Metadata, instances []task.Instance) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "dataset.arrow")
	w, err := Create(path, m)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	for _, x := range instances {
		if err := w.Append(x); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(m.Totals); err != nil {
		t.Fatal(err)
	}
	return path
}

func openDataset(t testing.TB, path string) *Dataset {
	t.Helper()
	d, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// same compares instances; an empty list equals none.
func same(a, b *task.Instance) bool {
	return slices.Equal(a.Tokens, b.Tokens) && slices.Equal(a.Masks, b.Masks) && slices.Equal(a.Ends, b.Ends) &&
		a.Label == b.Label && slices.Equal(a.Output, b.Output)
}

// drawInstance makes any instance that the target allows.
func drawInstance(t *rapid.T, m *Metadata) task.Instance {
	target := task.ByName[m.Target]
	ids := func(count int, name string) []int32 {
		return rapid.SliceOfN(rapid.Int32Range(0, int32(m.VocabularySize-1)), count, count).Draw(t, name)
	}
	n := rapid.IntRange(0, m.SequenceLength).Draw(t, "inputs")
	tokens := target.Before + n + rapid.IntRange(target.After.Min, target.After.Max).Draw(t, "after")
	x := task.Instance{Tokens: ids(tokens, "tokens")}
	if rapid.IntRange(target.Segments.Min, target.Segments.Max).Draw(t, "segments") == 2 {
		x.Ends = append(x.Ends, int32(rapid.IntRange(0, n).Draw(t, "first end")))
	}
	x.Ends = append(x.Ends, int32(n))
	if target.Masked && !m.Dynamic {
		for i := range tokens {
			if rapid.IntRange(0, 3).Draw(t, "mask") == 0 {
				x.Masks = append(x.Masks, task.Mask{Position: int32(i), ID: ids(1, "masked")[0]})
			}
		}
	}
	if target.Labelled {
		x.Label = rapid.Int32Range(0, 1).Draw(t, "label")
	}
	if target.Output {
		x.Output = ids(rapid.IntRange(0, m.TargetSequenceLength+1).Draw(t, "outputs"), "output")
	}
	return x
}

func drawMetadata(t *rapid.T) Metadata {
	m := Metadata{
		Target:           rapid.SampledFrom(registry.Names(task.ByName)).Draw(t, "target"),
		SequenceLength:   rapid.IntRange(1, 20).Draw(t, "seq_length"),
		VocabularySize:   rapid.SampledFrom([]int{1, 300, 65536, 65537, 1 << 30}).Draw(t, "vocabulary"),
		VocabularySHA256: "0123",
		Tokenizer:        TokenizerMade{"bert", "--do_lower_case true", "unk 1"},
		Seed:             rapid.Int64().Draw(t, "seed"),
		Made:             []Setting{{"a", "1"}, {"corpus", "[{\"bytes\":1}]"}},
		Totals: Totals{Documents: 3, Tokens: 1 << 40, Unknown: 5, Text: 9, Cut: 2, Empty: 1, Skipped: 3, BadLines: 4, DuplicateShare: 0.25,
			UnknownWords: []string{"火星", "<a>"}, Warnings: []string{"5.0 % is \"unknown\""}},
	}
	if task.ByName[m.Target].Output {
		m.TargetSequenceLength, m.TargetTokenizer, m.TargetVocabularySHA256 = 4, TokenizerMade{Name: "char"}, "4567"
	}
	m.Dynamic = task.ByName[m.Target].Masked && rapid.Bool().Draw(t, "dynamic")
	return m
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := drawMetadata(rt)
		instances := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) task.Instance { return drawInstance(rt, &m) }), 1, 10).Draw(rt, "instances")
		d := openDataset(t, writeDataset(t, m, instances))
		m.Instances = int64(len(instances))
		if !reflect.DeepEqual(d.Metadata, m) || d.Foreign {
			rt.Fatalf("metadata %+v, want %+v", d.Metadata, m)
		}
		var x task.Instance
		for i := range instances {
			if err := d.Instance(i, &x); err != nil {
				rt.Fatal(err)
			}
			if !same(&x, &instances[i]) {
				rt.Fatalf("instance %d: %+v, want %+v", i, x, instances[i])
			}
		}
	})
}

// mlmMetadata describes the datasets that most tests use.
func mlmMetadata() Metadata {
	return Metadata{Target: "mlm", SequenceLength: 8, Tokenizer: TokenizerMade{Name: "bert"}, VocabularySize: 1000, VocabularySHA256: strings.Repeat("ab", 32), Seed: 7,
		Totals: Totals{Documents: 2, Tokens: 50, Unknown: 1}}
}

// mlmInstances makes instances that tell their number.
func mlmInstances(count int) []task.Instance {
	list := make([]task.Instance, count)
	for i := range list {
		n := int32(i % 9)
		for j := range n {
			list[i].Tokens = append(list[i].Tokens, (int32(i)+j)%1000)
			if j%3 == 2 {
				list[i].Masks = append(list[i].Masks, task.Mask{Position: j, ID: int32(i % 1000)})
			}
		}
		list[i].Ends = []int32{n}
	}
	return list
}

func TestSeveralRecordBatches(t *testing.T) {
	for _, count := range []int{batchInstances - 1, batchInstances, batchInstances + 1, 2*batchInstances + 1000} {
		instances := mlmInstances(count)
		d := openDataset(t, writeDataset(t, mlmMetadata(), instances))
		var group sync.WaitGroup
		for worker := range 3 {
			group.Go(func() {
				var x task.Instance
				for i := worker; i < d.Len(); i += 2 {
					if err := d.Instance(i, &x); err != nil || !same(&x, &instances[i]) {
						t.Errorf("instance %d: %+v, %v, want %+v", i, x, err, instances[i])
						return
					}
				}
			})
		}
		group.Wait()
	}
}

// TestArrowReadsIt reads a dataset with the Arrow library.
func TestArrowReadsIt(t *testing.T) {
	instances := mlmInstances(batchInstances + 7)
	data, err := os.ReadFile(writeDataset(t, mlmMetadata(), instances))
	if err != nil {
		t.Fatal(err)
	}
	reader, err := ipc.NewFileReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	keys := reader.Schema().Metadata()
	for key, want := range map[string]string{"target": "mlm", "seq_length": "8", "instances": "4103", "dynamic_masking": "false", "seed": "7"} {
		if value, _ := keys.GetValue(key); value != want {
			t.Errorf("key %s is %q, want %q", key, value, want)
		}
	}
	row := 0
	for i := range reader.NumRecords() {
		batch, err := reader.RecordBatch(i)
		if err != nil {
			t.Fatal(err)
		}
		tokens := batch.Column(batch.Schema().FieldIndices("tokens")[0]).(*array.List)
		for j := range int(batch.NumRows()) {
			first, end := tokens.ValueOffsets(j)
			got := fmt.Sprint(tokens.ListValues().(*array.Uint16).Uint16Values()[first:end])
			if want := fmt.Sprint(instances[row].Tokens); got != want {
				t.Fatalf("row %d: %s, want %s", row, got, want)
			}
			row++
		}
	}
	if row != len(instances) {
		t.Errorf("%d rows, want %d", row, len(instances))
	}
}

// TestKeptFile reads a file that was written when the format was made.
func TestKeptFile(t *testing.T) {
	d := openDataset(t, "testdata/format1.arrow")
	want := mlmMetadata()
	want.Instances = 20
	if !reflect.DeepEqual(d.Metadata, want) {
		t.Errorf("metadata %+v, want %+v", d.Metadata, want)
	}
	var x task.Instance
	for i, want := range mlmInstances(20) {
		if err := d.Instance(i, &x); err != nil || !same(&x, &want) {
			t.Errorf("instance %d: %+v, %v, want %+v", i, x, err, want)
		}
	}
}

func TestWriterRefuses(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "d")
	if _, err := Create(filepath.Join(folder, "no", "d"), mlmMetadata()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing folder: %v", err)
	}
	if _, err := Create(path, Metadata{Target: "gpt", SequenceLength: 8, VocabularySize: 9}); err == nil || !strings.Contains(err.Error(), `target "gpt" is not one of albert, bert, `) {
		t.Errorf("unknown target: %v", err)
	}
	w, err := Create(path, mlmMetadata())
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		x       task.Instance
		message string
	}{
		{task.Instance{Tokens: make([]int32, 9), Ends: []int32{9}}, "9 inputs, more than the sequence length 8"},
		{task.Instance{Tokens: []int32{1000}, Ends: []int32{1}}, "token id 1000, outside the vocabulary of 1000 tokens"},
		{task.Instance{Tokens: []int32{-1}, Ends: []int32{1}}, "token id -1, outside the vocabulary of 1000 tokens"},
		{task.Instance{Tokens: []int32{1, 2}, Ends: []int32{1}}, "2 tokens, but the segments end at [1]"},
		{task.Instance{Tokens: []int32{1}}, "0 segments"},
		{task.Instance{Tokens: []int32{1, 2}, Ends: []int32{2, 1}}, "2 segments"},
		{task.Instance{Tokens: []int32{1}, Ends: []int32{1}, Label: -1}, "label -1"},
		{task.Instance{Tokens: []int32{1}, Ends: []int32{1}, Output: []int32{1}}, "an output, which the target does not have"},
		{task.Instance{Tokens: []int32{1}, Ends: []int32{1}, Masks: []task.Mask{{Position: 1, ID: 3}}}, "a mask at position 1 of 1, after one at -1"},
		{task.Instance{Tokens: []int32{1}, Ends: []int32{1}, Masks: []task.Mask{{Position: 0, ID: 1000}}}, "token id 1000, outside the vocabulary of 1000 tokens"},
	} {
		want := "write " + path + ": instance 0 has " + test.message
		if err := w.Append(test.x); err == nil || err.Error() != want {
			t.Errorf("append: %v, want %s", err, want)
		}
	}
	if err := w.Close(Totals{}); err == nil || err.Error() != "write "+path+": there are no instances" {
		t.Errorf("close: %v", err)
	}
	if entries, _ := os.ReadDir(folder); len(entries) > 0 {
		t.Errorf("%s is left", entries[0].Name())
	}
}

func TestChecks(t *testing.T) {
	d := openDataset(t, "testdata/format1.arrow")
	if err := d.CheckTarget("mlm"); err != nil {
		t.Error(err)
	}
	if err := d.CheckTarget("lm"); err == nil || err.Error() != "testdata/format1.arrow was made for --target mlm, not lm" {
		t.Error(err)
	}
	vocabulary, err := vocab.Parse("v", []byte("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n"), vocab.Special{})
	if err != nil {
		t.Fatal(err)
	}
	want := "testdata/format1.arrow was made with another vocabulary (SHA-256 abababababab…) than v.txt (5 tokens, SHA-256 " + vocabulary.SHA256()[:12] + "…)"
	if err := d.CheckVocabulary(vocabulary, "v.txt"); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	d.Metadata.VocabularySHA256 = vocabulary.SHA256()
	if err := d.CheckVocabulary(vocabulary, "v.txt"); err != nil {
		t.Error(err)
	}
	if err := d.CheckTargetVocabulary(vocabulary, "v.txt"); err != nil {
		t.Error(err) // it is not known
	}
	d.Metadata.TargetVocabularySHA256 = strings.Repeat("cd", 32)
	if err := d.CheckTargetVocabulary(vocabulary, "v.txt"); err == nil || !strings.Contains(err.Error(), "another target vocabulary (SHA-256 cdcdcdcdcdcd") {
		t.Error(err)
	}
}

func TestCheckLabels(t *testing.T) {
	m := mlmMetadata()
	m.Target = "cls"
	var instances []task.Instance
	for _, label := range []int32{0, 3, 1} {
		instances = append(instances, task.Instance{Tokens: []int32{1}, Ends: []int32{1}, Label: label})
	}
	d := openDataset(t, writeDataset(t, m, instances))
	if err := d.CheckLabels(4); err != nil {
		t.Error(err)
	}
	if err := d.CheckLabels(3); err == nil || err.Error() != d.Path+": instance 1 has label 3, outside 0 to 2" {
		t.Error(err)
	}
}

// TestReadingAllocatesNothing: after the first touch of a record batch.
func TestReadingAllocatesNothing(t *testing.T) {
	d := openDataset(t, writeDataset(t, mlmMetadata(), mlmInstances(100)))
	var x task.Instance
	i := 0
	if n := testing.AllocsPerRun(300, func() {
		if err := d.Instance(i%100, &x); err != nil {
			t.Fatal(err)
		}
		i++
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
	if reflect.DeepEqual(x, task.Instance{}) {
		t.Error("nothing was read")
	}
}

// Rows made apart give the file that appending the instances one by one gives, wherever record batches begin.
func TestRowsMakeTheSameFile(t *testing.T) {
	for _, m := range []Metadata{mlmMetadata(), {Target: "cls", SequenceLength: 8, VocabularySize: 1 << 20}} {
		list := mlmInstances(3*batchInstances + 7)
		if m.Target == "cls" {
			for i := range list {
				list[i].Masks, list[i].Label = nil, int32(i)
			}
		}
		want, err := os.ReadFile(writeDataset(t, m, list))
		if err != nil {
			t.Fatal(err)
		}
		for _, size := range []int{1, 1000, batchInstances, len(list)} {
			path := filepath.Join(t.TempDir(), "d")
			w, err := Create(path, m)
			if err != nil {
				t.Fatal(err)
			}
			rows := w.NewRows()
			for part := range slices.Chunk(list, size) {
				rows.Reset()
				for _, x := range part {
					if err := rows.Append(x); err != nil {
						t.Fatal(err)
					}
				}
				if err := w.Write(rows); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Close(m.Totals); err != nil {
				t.Fatal(err)
			}
			if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s in portions of %d: another file; error %v", m.Target, size, err)
			}
		}
	}
}

// The copies of two datasets are the dataset of all their instances.
func TestCopy(t *testing.T) {
	m, list := mlmMetadata(), mlmInstances(2*batchInstances+100)
	want, err := os.ReadFile(writeDataset(t, m, list))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "d")
	w, err := Create(path, m)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range [][]task.Instance{list[:batchInstances+1], list[batchInstances+1:]} {
		if err := w.Copy(writeDataset(t, m, part)); err != nil {
			t.Fatal(err)
		}
	}
	other := m
	other.Seed++
	if err := w.Copy(writeDataset(t, other, list)); err == nil || !strings.Contains(err.Error(), "other settings") {
		t.Errorf("copy of another dataset: error %v", err)
	}
	if err := w.Copy("testdata/mlm_static.pt"); err == nil {
		t.Error("a file of UER-py was copied")
	}
	if err := w.Close(m.Totals); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
		t.Errorf("another file; error %v", err)
	}
}

// Each column says what it holds.
func TestColumnsAreDescribed(t *testing.T) {
	for _, target := range task.All {
		for _, dynamic := range []bool{false, target.Masked} {
			m := Metadata{Target: target.Name, SequenceLength: 8, VocabularySize: 9, TargetSequenceLength: 8, Dynamic: dynamic}
			for _, c := range columns(&target, &m) {
				if c.about == "" {
					t.Errorf("%s: column %s has no description", target.Name, c.name)
				}
			}
		}
	}
}

// What a foreign file has to say is made fit to print.
func TestForeignTexts(t *testing.T) {
	p := &properties{values: map[string]string{"warnings": `["a\u001b[31m\n", "` + strings.Repeat("长", 1000) + `"]`}, read: map[string]bool{}}
	if got := p.texts("warnings"); len(got) != 2 || got[0] != "a [31m " || len(got[1]) > 1010 {
		t.Errorf("%q", got)
	}
	for _, bad := range []string{"", "{}", "[1]"} {
		p := &properties{values: map[string]string{"warnings": bad}, read: map[string]bool{}}
		if p.texts("warnings"); p.err == nil {
			t.Errorf("%q is a list of texts", bad)
		}
	}
}
