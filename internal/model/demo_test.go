package model

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"uer/internal/batch"
	"uer/internal/config"
	"uer/internal/corpus"
	"uer/internal/dataset"
	"uer/internal/device"
	"uer/internal/instance"
	"uer/internal/masking"
	"uer/internal/optimizer"
	"uer/internal/task"
	"uer/internal/tokenizer"
	"uer/internal/vocab"
)

// Tests on real text train tiny models on the beginning of the demo corpora.
const (
	demoBatch     = 3
	demoLength    = 24
	demoDocuments = 12
	demoLabels    = 8
)

// demo holds the vocabulary, a dataset for each target, and the learning rate and precision to train with.
type demo struct {
	vocabulary *vocab.Vocabulary
	datasets   map[string]*dataset.Dataset
	rate       float64
	precision  string
}

func openDemo(t testing.TB) *demo {
	t.Helper()
	text, err := os.ReadFile("../../models/demo_vocab.txt")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 30 { // for t5
		text = fmt.Appendf(text, "<extra_id_%d>\n", i)
	}
	vocabulary, err := vocab.Parse("demo_vocab.txt", text, vocab.Special{})
	if err != nil {
		t.Fatal(err)
	}
	d := &demo{vocabulary: vocabulary, datasets: map[string]*dataset.Dataset{}, rate: 0.03}
	for _, target := range task.All {
		d.datasets[target.Name] = d.dataset(t, target)
	}
	return d
}

// demoText returns a corpus in the form that a target needs.
func demoText(t testing.TB, target task.Task) string {
	t.Helper()
	name, end := "demo.txt", "\n"
	switch target.Corpus {
	case task.SentenceLines:
		name, end = "demo_bert.txt", "\n\n"
	case task.LabelLines:
		name = "demo_cls.tsv"
	}
	data, err := os.ReadFile(filepath.Join("../../corpora", name))
	if err != nil {
		t.Fatal(err)
	}
	documents := strings.SplitAfterN(string(data), end, demoDocuments+1)[:demoDocuments]
	if target.Corpus == task.PairLines {
		for i, document := range documents {
			before, after, _ := strings.Cut(document, "，")
			documents[i] = before + "\t" + after
		}
	}
	return strings.Join(documents, "")
}

// dataset preprocesses the text for a target.
func (d *demo) dataset(t testing.TB, target task.Task) *dataset.Dataset {
	t.Helper()
	folder := t.TempDir()
	path := filepath.Join(folder, target.Name+".txt")
	if err := os.WriteFile(path, []byte(demoText(t, target)), 0o600); err != nil {
		t.Fatal(err)
	}
	text, err := corpus.Open(corpus.Options{Paths: []string{path}})
	if err != nil {
		t.Fatal(err)
	}
	defer text.Close()
	bert := tokenizer.ByName["bert"](d.vocabulary)
	settings := instance.Settings{
		Target: target.Name, Vocabulary: d.vocabulary, Tokenizer: bert, SequenceLength: demoLength, DupFactor: 1,
		DocumentsBufferSize: demoDocuments, Dynamic: target.Masked && !target.Labelled, Workers: 1,
		TargetVocabulary: d.vocabulary, TargetTokenizer: bert, TargetSequenceLength: demoLength,
	}
	metadata := dataset.Metadata{
		Target: target.Name, SequenceLength: demoLength, Tokenizer: dataset.TokenizerMade{Name: "bert"}, VocabularySize: d.vocabulary.Size(),
		Dynamic: settings.Dynamic,
	}
	if target.Output {
		metadata.TargetSequenceLength = demoLength
	}
	path = filepath.Join(folder, target.Name+".uer")
	writer, err := dataset.Create(path, metadata)
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Abort()
	if _, err := instance.Build(context.Background(), settings, text, writer.NewRows, writer.Write, nil); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(metadata.Totals); err != nil {
		t.Fatal(err)
	}
	made, err := dataset.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { made.Close() })
	return made
}

// loader returns the batches for a target.
func (d *demo) loader(t testing.TB, m config.Model, size int) *batch.Loader {
	t.Helper()
	masker, err := masking.New(d.vocabulary, masking.Options{})
	if err != nil {
		t.Fatal(err)
	}
	l, err := batch.New(d.datasets[m.Target], batch.Options{
		Target: m.Target, Vocabulary: d.vocabulary, BatchSize: size, BufferSize: 64, WorldSize: 1,
		Masker: masker, KeepPadding: m.KeepPadding,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

// training is a model that learns from demo batches.
type training struct {
	model *Model
	*loaded
	update    device.Executable
	optimizer *optimizer.Optimizer
	step      uint64
}

func (d *demo) newTraining(t testing.TB, on processor, m config.Model, limits Limits) *training {
	t.Helper()
	limits.Activations = on.activations(d.precision)
	made, err := New(m, d.vocabulary.Size(), limits)
	if err != nil {
		t.Fatal(err)
	}
	parameters := make([]float32, made.Program.ParameterSize)
	Initialize(m, made.Program, parameters, 7)
	o, err := optimizer.New(optimizer.Settings{
		Name: "adamw", LearningRate: d.rate, Schedule: func(int) float64 { return 1 },
	}, made.Program.Layout)
	if err != nil {
		t.Fatal(err)
	}
	r := &training{model: made, optimizer: o}
	r.loaded = on.load(t, d.precision, made.Program, o.Program.Layout, parameters)
	if r.update, err = r.device.Load(o.Program, r.memory); err != nil {
		t.Fatal(err)
	}
	return r
}

// train trains one step on the current inputs and returns the loss.
func (r *training) train(t testing.TB) float64 {
	t.Helper()
	r.step++
	r.run(t, device.Run{Seed: 7, Step: r.step})
	number, rate := r.optimizer.Next()
	if err := r.update.Run(device.Run{Update: device.Update{Number: number, Rate: rate, Scale: 1}}); err != nil {
		t.Fatal(err)
	}
	figures(t, r.update)
	return r.outputs[0]
}
