package model

import (
	"slices"
	"testing"

	"uer/internal/config"
	"uer/internal/kernel"
)

// middling are models large enough for their work to be divided between threads.
func middling() map[string]config.Model {
	models := map[string]config.Model{
		"roberta":  tiny("word_pos_seg", "transformer", "mlm"),
		"albert":   tiny("word_pos_seg", "transformer", "albert"),
		"gpt2":     tiny("word_pos", "transformer causal", "lm"),
		"lstm":     tiny("word", "lstm", "lm"),
		"elmo":     tiny("word", "bigru", "bilm"),
		"gatedcnn": tiny("word", "gatedcnn", "lm"),
		"t5":       tiny("word", "transformer", "t5"),
	}
	for name, m := range models {
		m.EmbeddingSize, m.HiddenSize, m.FeedForwardSize = 32, 32, 80
		m.ParameterSharing = name == "albert"
		m.TieWeights = name == "gpt2"
		m.RelativePositionEmbedding = name == "t5"
		models[name] = m
	}
	return models
}

// TestThreads: one training step with dropout gives the same bits with any number of threads, and again in a second run;
// the encoders that the kernels differ most for, with each instruction set.
func TestThreads(t *testing.T) {
	const batch = 10
	text := openDemo(t)
	for name, m := range middling() {
		sets := kernel.InstructionSets() // the best first
		if name != "roberta" && name != "lstm" {
			sets = sets[:1]
		}
		for _, set := range sets {
			t.Run(name+"/"+set, func(t *testing.T) {
				var want []float32
				for _, threads := range []int{1, 2, 5, 1} {
					got := text.oneStep(t, m, set, threads, batch)
					if want == nil {
						want = got
					}
					if !slices.Equal(got, want) {
						t.Errorf("%d threads give other numbers than the first run with 1", threads)
					}
				}
			})
		}
	}
}

// oneStep returns the loss, the gradients and the parameters after a step.
func (d *demo) oneStep(t *testing.T, m config.Model, set string, threads, size int) []float32 {
	t.Helper()
	cpu, err := kernel.NewWith(set, threads)
	if err != nil {
		t.Fatal(err)
	}
	defer cpu.Close()
	r := d.fed(t, cpu, m, size)
	loss := float32(r.run(t))
	return slices.Concat([]float32{loss}, r.executor.Gradients(), r.executor.Parameters())
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

// TestAllocations: the memory that a step allocates does not grow with the batch.
func TestAllocations(t *testing.T) {
	text := openDemo(t)
	cpu := newCPU(t, 2)
	for name, m := range middling() {
		var counts []float64
		for _, size := range []int{3, 12} {
			r := text.fed(t, cpu, m, size)
			r.run(t) // scratch memory grows in the first steps
			counts = append(counts, testing.AllocsPerRun(5, func() { r.run(t) }))
		}
		// The runtime may allocate a little at any time, and portable norms a row for some of their blocks.
		if counts[1] > 1.1*counts[0] {
			t.Errorf("%s: %v allocations a step with 3 sequences, %v with 12", name, counts[0], counts[1])
		}
		t.Logf("%s: %v allocations a step", name, counts)
	}
}
