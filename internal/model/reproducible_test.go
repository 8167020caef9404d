package model

import (
	"maps"
	"slices"
	"testing"

	"uer/internal/config"
	"uer/internal/encoder"
	"uer/internal/kernel"
	"uer/internal/target"
)

// middling are models large enough for their work to be divided between threads: every encoder and every target.
func middling() map[string]config.Model {
	models := map[string]config.Model{
		"roberta":       tiny("word_pos_seg", "transformer", "mlm"),
		"bert":          tiny("word_pos_seg", "bert", "bert"),
		"albert":        tiny("word_pos_seg", "transformer", "albert"),
		"gpt":           tiny("word_pos", "transformer causal", "lm"),
		"gpt2":          tiny("word_pos", "transformer causal", "lm"),
		"prefixlm":      tiny("word_pos_seg", "transformer causal_with_prefix", "prefixlm"),
		"seq2seq":       tiny("word_sinusoidalpos", "transformer", "seq2seq"),
		"t5":            tiny("word", "transformer", "t5"),
		"cls":           tiny("word_pos_seg", "transformer", "cls"),
		"rnn":           tiny("word", "rnn", "lm"),
		"lstm":          tiny("word", "lstm", "lm"),
		"gru":           tiny("word", "gru", "lm"),
		"bidirectional": tiny("word", "lstm bidirectional", "mlm"),
		"birnn":         tiny("word", "birnn", "bilm"),
		"elmo":          tiny("word", "bilstm", "bilm"),
		"bigru":         tiny("word", "bigru", "bilm"),
		"gatedcnn":      tiny("word", "gatedcnn", "lm"),
	}
	for name, m := range models {
		m.EmbeddingSize, m.HiddenSize, m.FeedForwardSize = 32, 32, 80
		m.ParameterSharing = name == "albert"
		m.RelativePositionEmbedding = name == "t5"
		if name == "gpt2" {
			m.TieWeights, m.LayerNormPositioning = true, "pre"
		}
		if name == "cls" {
			m.Pooling = "mean"
		}
		models[name] = m
	}
	return models
}

// testedModels are those of middling, in short mode one of each kind of encoder and a decoder.
func testedModels() map[string]config.Model {
	models := middling()
	if testing.Short() {
		few := []string{"roberta", "t5", "elmo", "gatedcnn"}
		maps.DeleteFunc(models, func(name string, _ config.Model) bool { return !slices.Contains(few, name) })
	}
	return models
}

func TestMiddlingHasAllParts(t *testing.T) {
	encoders, targets := maps.Clone(encoder.ByName), maps.Clone(target.ByName)
	for _, m := range middling() {
		delete(encoders, m.Encoder)
		delete(targets, m.Target)
	}
	if len(encoders)+len(targets) > 0 {
		t.Errorf("there is no model with the encoders %v and the targets %v", keys(encoders), keys(targets))
	}
}

// TestThreads: two training steps with dropout give the same bits with any number of threads, and again in a second run,
// with each instruction set, in both precisions.
func TestThreads(t *testing.T) {
	text := openDemo(t)
	for name, m := range testedModels() {
		for _, set := range testedSets(t) {
			for precisionName, precision := range map[string]kernel.Precision{"fp32": kernel.Float32, "bf16": kernel.BFloat16} {
				t.Run(name+"/"+set+"/"+precisionName, func(t *testing.T) {
					text.precision = precision
					text.compareThreads(t, set, m)
				})
			}
		}
	}
}

func (d *demo) compareThreads(t *testing.T, set string, m config.Model) {
	t.Helper()
	counts := []int{1, 2, 5, 1}
	if testing.Short() {
		counts = []int{1, 5}
	}
	var want []float32
	for _, threads := range counts {
		cpu, err := kernel.NewWith(set, threads)
		if err != nil {
			t.Fatal(err)
		}
		defer cpu.Close()
		if d.precision == kernel.BFloat16 && !cpu.SupportsBF16() {
			t.Skip("no products in bfloat16")
		}
		got := d.twoSteps(t, cpu, m)
		if want == nil {
			want = got
		}
		if !slices.Equal(got, want) {
			t.Errorf("%d threads give other numbers than the first run with 1", threads)
		}
	}
}

// twoSteps returns the losses of two steps, the gradients of the second and the parameters in the end.
func (d *demo) twoSteps(t *testing.T, cpu *kernel.CPU, m config.Model) []float32 {
	t.Helper()
	r, losses := d.trainSteps(t, cpu, m, 2)
	return slices.Concat(losses, r.executor.Gradients(), r.executor.Parameters())
}

// trainSteps trains a model and returns it with the loss of each step.
func (d *demo) trainSteps(t *testing.T, cpu *kernel.CPU, m config.Model, steps int) (*training, []float32) {
	t.Helper()
	const size = 8
	loader := d.loader(t, m, size)
	defer loader.Close()
	r := d.newTraining(t, cpu, m, Shape{Sequences: size, Length: demoLength, Output: loader.OutputLength})
	var losses []float32
	for range steps {
		b, err := loader.Next()
		if err != nil {
			t.Fatal(err)
		}
		feedBatch(t, r.executor, b)
		losses = append(losses, float32(r.run(t)))
	}
	return r, losses
}

// fed is a training whose first batch has been fed.
func (d *demo) fed(t testing.TB, cpu *kernel.CPU, m config.Model, size int) *training {
	t.Helper()
	loader := d.loader(t, m, size)
	r := d.newTraining(t, cpu, m, Shape{Sequences: size, Length: demoLength, Output: loader.OutputLength})
	b, err := loader.Next()
	if err != nil {
		t.Fatal(err)
	}
	if len(b.Lengths) != size {
		t.Fatalf("a batch of %d sequences, want %d", len(b.Lengths), size)
	}
	feedBatch(t, r.executor, b)
	return r
}

// TestAllocations: the memory that a step allocates does not grow with the batch, in either precision.
func TestAllocations(t *testing.T) {
	text := openDemo(t)
	cpu := newCPU(t, 2)
	for name, m := range testedModels() {
		for precisionName, precision := range map[string]kernel.Precision{"fp32": kernel.Float32, "bf16": kernel.BFloat16} {
			t.Run(name+"/"+precisionName, func(t *testing.T) {
				if precision == kernel.BFloat16 && !cpu.SupportsBF16() {
					t.Skip("no products in bfloat16")
				}
				text.precision = precision
				text.compareAllocations(t, cpu, m)
			})
		}
	}
}

func (d *demo) compareAllocations(t *testing.T, cpu *kernel.CPU, m config.Model) {
	t.Helper()
	runs := 5
	if testing.Short() {
		runs = 2
	}
	var counts []float64
	for _, size := range []int{3, 12} {
		r := d.fed(t, cpu, m, size)
		r.run(t) // scratch memory grows in the first steps
		counts = append(counts, testing.AllocsPerRun(runs, func() { r.run(t) }))
	}
	// The runtime may allocate a little at any time, and portable norms a row for some of their blocks.
	if counts[1] > 1.1*counts[0] {
		t.Errorf("%v allocations a step with 3 sequences, %v with 12", counts[0], counts[1])
	}
	t.Logf("%v allocations a step", counts)
}
