package trainer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"uer/internal/batch"
	"uer/internal/checkpoint"
	"uer/internal/collective"
	"uer/internal/config"
	"uer/internal/dataset"
	"uer/internal/device"
	"uer/internal/device/cpu"
	"uer/internal/graph"
	"uer/internal/model"
	"uer/internal/optimizer"
	"uer/internal/vocab"
)

const (
	testRate       = 1e-4
	vocabularySize = 232
)

// testModel is a small BERT.
func testModel(dropout float64) config.Model {
	return config.Model{
		EmbeddingSize: 32, HiddenSize: 32, FeedForwardSize: 64, HeadsNumber: 2, LayersNumber: 2, MaxSequenceLength: 40,
		HiddenActivation: "gelu", Embedding: "word_pos_seg", Encoder: "transformer", Mask: "fully_visible", Target: "bert",
		LayerNormPositioning: "post", FeedForward: "dense", LayerNorm: "normal", Dropout: dropout,
	}
}

// newModel returns it with its gradients.
func newModel(t *testing.T, vocabularySize int, dropout float64) *model.Model {
	t.Helper()
	m, err := model.New(testModel(dropout), vocabularySize, model.Limits{Sequences: 4, Length: 32})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// openData opens UER-py's dataset and its vocabulary.
func openData(t *testing.T) (*vocab.Vocabulary, *dataset.Dataset) {
	t.Helper()
	vocabulary, err := vocab.Read("testdata/vocab.txt")
	if err != nil {
		t.Fatal(err)
	}
	data, err := dataset.Open("testdata/bert_static.pt")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { data.Close() })
	return vocabulary, data
}

// newLoader returns the batches of one rank.
func newLoader(t *testing.T, rank, size int) *batch.Loader { return newLoaderFrom(t, rank, size, nil) }

// newLoaderFrom returns those from a position on.
func newLoaderFrom(t *testing.T, rank, size int, from *batch.Position) *batch.Loader {
	t.Helper()
	vocabulary, data := openData(t)
	batches, err := batch.New(data, batch.Options{
		Target: "bert", Vocabulary: vocabulary, BatchSize: 4, BufferSize: 25600, Seed: 7, Rank: rank, WorldSize: size, From: from,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(batches.Close)
	return batches
}

// newRanks returns connected trainers of a small BERT, from UER-py's initial parameters and dataset, with its schedule for
// 20 steps. They report every step and save only at the end.
func newRanks(t *testing.T, size, steps int, dropout float64) []*Trainer {
	t.Helper()
	return newRanksWith(t, size, steps, dropout, func(int) optimizer.Settings { return optimizer.Settings{Name: "adamw"} })
}

// newRanksWith is newRanks with the settings of each rank's optimizer, but for its learning rate.
func newRanksWith(t *testing.T, size, steps int, dropout float64, settings func(rank int) optimizer.Settings) []*Trainer {
	t.Helper()
	m := newModel(t, vocabularySize, dropout)
	parameters := make([]float32, m.Program.ParameterSize)
	if _, err := checkpoint.Load("testdata/init.bin", m.Program, parameters); err != nil {
		t.Fatal(err)
	}
	output := filepath.Join(t.TempDir(), "model.bin")
	ranks := make([]*Trainer, size)
	for i, connection := range collective.NewLocal(size) {
		ranks[i] = &Trainer{
			Settings: Settings{
				TotalSteps: steps, AccumulationSteps: 1, ReportSteps: 1, SaveCheckpointSteps: 1000, BatchSize: 4, Seed: 7,
				OutputModelPath: output,
			},
			Model: m, Batches: newLoader(t, i, size), Collective: connection, Lines: io.Discard, Status: io.Discard,
		}
		ranks[i].prepare(t, parameters, settings(i))
	}
	return ranks
}

// prepare loads the model and the optimizer into a device.
func (r *Trainer) prepare(t *testing.T, parameters []float32, settings optimizer.Settings) {
	t.Helper()
	options := cpu.Options{Threads: 1}
	if local, ok := r.Collective.(*collective.Local); ok {
		options.Ranks = local.Duplicate()
	}
	d, err := cpu.New(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	if settings.Schedule, err = optimizer.NewSchedule("linear", optimizer.Plan{Updates: 20, Warmup: 0.1, LearningRate: testRate}); err != nil {
		t.Fatal(err)
	}
	settings.LearningRate = testRate
	r.Optimizer, err = optimizer.New(settings, r.Model.Program.Layout)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Load(d, parameters); err != nil {
		t.Fatal(err)
	}
}

// parameters returns a copy of a rank's parameters, gradients one of its gradients.
func (r *Trainer) parameters(t *testing.T) []float32 { return r.read(t, graph.InParameters) }
func (r *Trainer) gradients(t *testing.T) []float32  { return r.read(t, graph.InGradients) }

func (r *Trainer) read(t *testing.T, p graph.Place) []float32 {
	t.Helper()
	values := make([]float32, r.Model.Program.ParameterSize)
	if err := r.Memory.Read(p, 0, values); err != nil {
		t.Fatal(err)
	}
	return values
}

// loss returns the loss of the last step.
func (r *Trainer) loss() float64 { return r.figures.steps[:1][0].outputs[0] }

// TestRanksStayEqual trains three ranks twice. All of them, in both runs, must end with the same parameters, to the bit.
func TestRanksStayEqual(t *testing.T) {
	var first []float32
	for range 2 {
		ranks := newRanks(t, 3, 7, 0.1)
		for _, r := range ranks {
			r.AccumulationSteps = 2
		}
		if err := RunRanks(t.Context(), ranks); err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = ranks[0].parameters(t)
		}
		for i, r := range ranks {
			if !slices.Equal(r.parameters(t), first) {
				t.Errorf("rank %d has other parameters than rank 0 of the first run", i)
			}
		}
		if ranks[0].loss() == ranks[1].loss() {
			t.Error("two ranks have the same loss: they train on the same data")
		}
	}
}

// TestRanksOnTheSameData checks that ranks that all read the same batches train exactly like a single trainer: the mean
// of 2 or 4 equal gradients is that gradient, to the bit.
func TestRanksOnTheSameData(t *testing.T) {
	sizes := []int{0, 1, 2, 4}
	if testing.Short() {
		sizes = []int{0, 2}
	}
	for _, accumulation := range []int{1, 3} {
		var want []float32
		for _, size := range sizes {
			ranks := newRanks(t, max(size, 1), 7, 0.1)
			if size == 0 {
				ranks[0].Collective = nil
			}
			for _, r := range ranks {
				r.Batches, r.AccumulationSteps = newLoader(t, 0, 1), accumulation
			}
			if err := RunRanks(t.Context(), ranks); err != nil {
				t.Fatal(err)
			}
			if want == nil {
				want = ranks[0].parameters(t)
			}
			if !slices.Equal(ranks[0].parameters(t), want) {
				t.Errorf("%d ranks, %d batches an update: the parameters differ", size, accumulation)
			}
		}
	}
}

// TestFailingRank makes one rank fail in several ways. The others must end with its error, and all goroutines must end:
// synctest fails if any is left.
func TestFailingRank(t *testing.T) {
	tests := map[string]struct {
		spoil func(t *testing.T, ranks []*Trainer)
		want  string
	}{
		"no data": {
			func(_ *testing.T, ranks []*Trainer) { ranks[1].Batches.Close() },
			"rank 1: step 1: the batch loader has been closed",
		},
		"data that ends later": {
			func(_ *testing.T, ranks []*Trainer) {
				ranks[0].Lines = writer(func(line string) {
					if strings.Contains(line, " 3/") {
						ranks[2].Batches.Close()
					}
				})
			},
			"the batch loader has been closed",
		},
		"a loss that is not finite": {
			func(t *testing.T, ranks []*Trainer) {
				at := ranks[1].offset("embedding.layer_norm.beta")
				if err := ranks[1].Memory.Write(graph.InParameters, at, []float32{float32(math.NaN())}); err != nil {
					t.Fatal(err)
				}
			},
			"rank 1: step 1: the loss is not finite",
		},
		"a panic in a kernel": {
			func(t *testing.T, ranks []*Trainer) {
				ranks[2].Model = newModel(t, 20, 0)
				ranks[2].prepare(t, make([]float32, ranks[2].Model.Program.ParameterSize), optimizer.Settings{Name: "adamw"})
			},
			"rank 2: panic: kernel: ids",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ranks := newRanks(t, 3, 20, 0)
				test.spoil(t, ranks)
				errs := make([]error, len(ranks))
				var all sync.WaitGroup
				for i, r := range ranks {
					all.Go(func() { errs[i] = r.Run(t.Context()) })
				}
				all.Wait()
				for i, err := range errs {
					if err == nil || !strings.Contains(err.Error(), test.want) || !errors.Is(err, errs[0]) {
						t.Errorf("rank %d: error %v, want %q", i, err, test.want)
					}
				}
			})
		})
	}
}

// writer makes an io.Writer of a function.
type writer func(text string)

func (w writer) Write(text []byte) (int, error) {
	w(string(text))
	return len(text), nil
}

// TestStopWithRanks cancels training midway. All ranks must stop after the same step, and the first one must save.
func TestStopWithRanks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cause := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		ranks := newRanks(t, 3, 1000, 0)
		last := 0
		ranks[0].Lines = writer(func(line string) {
			if _, err := fmt.Sscanf(line, "| %d/", &last); err != nil {
				t.Error(err)
			}
			if last == 3 {
				cancel(cause)
			}
		})
		if err := RunRanks(ctx, ranks); err != cause {
			t.Fatalf("error %v", err)
		}
		for i, r := range ranks {
			if r.Optimizer.Updates != last || !slices.Equal(r.parameters(t), ranks[0].parameters(t)) {
				t.Errorf("rank %d stopped after %d updates, rank 0 after %d", i, r.Optimizer.Updates, last)
			}
		}
		saved := make([]float32, ranks[0].Model.Program.ParameterSize)
		path := checkpoint.Path(ranks[0].OutputModelPath, last)
		if _, err := checkpoint.Load(path, ranks[0].Model.Program, saved); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(saved, ranks[0].parameters(t)) {
			t.Error("the checkpoint holds other parameters")
		}
	})
}

// TestBucketsComplete checks that most gradients can be summed before the backward pass ends.
func TestBucketsComplete(t *testing.T) {
	r := newRanks(t, 1, 1, 0)[0]
	buckets := newBuckets(r.Model.Program, r.Memory, nil)
	early := 0
	for _, bucket := range buckets.list {
		if bucket.Instruction < len(r.Model.Program.Instructions)-4 { // the last ones are those of the embeddings, and the guard
			early += bucket.End - bucket.Start
		}
	}
	if all := r.Model.Program.ParameterSize; early < all/2 || early == all {
		t.Errorf("%d of %d gradients are complete before the end, in %d buckets", early, all, len(buckets.list))
	}
}

// TestSpeedOfRanks checks that the report counts the tokens of all ranks.
func TestSpeedOfRanks(t *testing.T) {
	for size, want := range map[int]string{1: " 1280.00 tokens/s|", 3: " 3840.00 tokens/s|"} {
		r := newRanks(t, size, 20, 0)[0]
		report := newReport(r)
		report.batches, report.length = 10, 32
		if line := report.line(&stepFigures{step: 10, issued: report.since.Add(time.Second)}); !strings.Contains(line, want) {
			t.Errorf("%d ranks: line %s, want %s", size, line, want)
		}
	}
}

func TestSlowest(t *testing.T) {
	for _, test := range []struct {
		busy []float64
		want string
	}{
		{[]float64{1, 1.04, 1}, ""},
		{[]float64{1, 1, 1.08, 1}, "| slowest rank 2, +8 %"},
		{[]float64{3, 2}, "| slowest rank 0, +50 %"},
		{[]float64{1, 2, 0}, ""},
		{[]float64{1, 9, 1.01, 2, 1.02}, "| slowest rank 1, +782 %"},
		{[]float64{0.001, 0.0019}, ""},
	} {
		if got := slowest(test.busy, 100); got != test.want {
			t.Errorf("%v: %q, want %q", test.busy, got, test.want)
		}
	}
}

// TestSlowRank: the report names the rank that takes longer, which it does not when all are alike.
func TestSlowRank(t *testing.T) {
	for _, slow := range []int{-1, 0, 2} {
		ranks := newRanks(t, 3, 6, 0)
		var last string
		ranks[0].Lines = writer(func(line string) { last = line })
		for i, r := range ranks {
			r.ReportSteps = 2
			took := time.Second
			if i == slow {
				took = 1250 * time.Millisecond
			}
			r.Pass = &timed{r.Pass, took}
		}
		if err := RunRanks(t.Context(), ranks); err != nil {
			t.Fatal(err)
		}
		if named := strings.Contains(last, fmt.Sprintf("| slowest rank %d, +", slow)); named != (slow >= 0) || slow < 0 && strings.Contains(last, "slowest") {
			t.Errorf("rank %d is slow: %s", slow, last)
		}
	}
}

// timed says how long the runs of an executable take.
type timed struct {
	device.Executable
	took time.Duration
}

func (d *timed) Figures(wait bool) ([]device.Figures, error) {
	figures, err := d.Executable.Figures(wait)
	for i := range figures {
		figures[i].Took = d.took
	}
	return figures, err
}
