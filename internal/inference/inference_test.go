package inference_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"uer/internal/config"
	"uer/internal/device"
	"uer/internal/device/cpu"
	"uer/internal/inference"
	"uer/internal/model"
	"uer/internal/random"
)

const vocabulary = 300

// settings are those of a small transformer, with a change.
func settings(change func(m *config.Model)) config.Model {
	m := config.Model{
		EmbeddingSize: 32, HiddenSize: 32, FeedForwardSize: 64, HeadsNumber: 4, LayersNumber: 3, MaxSequenceLength: 64,
		HiddenActivation: "gelu", Embedding: "word_pos_seg", Encoder: "transformer", Mask: "fully_visible", Target: "mlm",
		LayerNormPositioning: "post", FeedForward: "dense", LayerNorm: "normal", Pooling: "first",
		RelativeAttentionBucketsNumber: 32,
	}
	change(&m)
	return m
}

func causal(m *config.Model) { m.Target, m.Embedding, m.Mask = "lm", "word_pos", "causal" }

func recurrent(name string) func(m *config.Model) {
	return func(m *config.Model) { m.Target, m.Embedding, m.Encoder = "lm", "word", name }
}

func newDevice(t *testing.T) device.Device {
	t.Helper()
	d, err := cpu.New(cpu.Options{Threads: 2, Precision: "fp32"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// parameters are random, and larger than those that training starts from, so that every token matters.
func parameters(m config.Model, output *model.Output) []float32 {
	values := make([]float32, output.Program.ParameterSize)
	model.Initialize(m, output.Program, values, 1)
	for i := range values {
		values[i] *= 8
	}
	return values
}

func texts(n, longest int) []inference.Sequence {
	draw := rand.New(rand.NewPCG(1, 2))
	list := make([]inference.Sequence, n)
	for i := range list {
		for range 1 + draw.IntN(longest) {
			list[i].Tokens = append(list[i].Tokens, draw.Int32N(vocabulary))
		}
		for place := range list[i].Tokens {
			if draw.IntN(3) == 0 || place == 0 {
				list[i].Predicted = append(list[i].Predicted, int32(place))
			}
		}
	}
	return list
}

// rowsOf runs a program and returns the rows of each sequence.
func rowsOf(t *testing.T, output *model.Output, limits model.Limits, values []float32, list []inference.Sequence) [][]float32 {
	t.Helper()
	r, err := inference.NewRunner(newDevice(t), output, limits, values)
	if err != nil {
		t.Fatal(err)
	}
	rows := make([][]float32, len(list))
	err = r.Run(t.Context(), list, func(i int, x []float32) error {
		rows[i] = slices.Clone(x)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func sameBits(a, b []float32) bool {
	return slices.EqualFunc(a, b, func(x, y float32) bool { return math.Float32bits(x) == math.Float32bits(y) })
}

// TestBatchesChangeNothing: the rows of a text have the same bits alone, among others in any order, and in batches of any size.
func TestBatchesChangeNothing(t *testing.T) {
	const length = 40
	whole := model.Limits{Sequences: 64, Length: length, Tokens: 1024, Predictions: 512}
	programs := map[string]func(limits model.Limits) (*model.Output, config.Model, error){
		"encoding": func(limits model.Limits) (*model.Output, config.Model, error) {
			m := settings(func(*config.Model) {})
			output, err := model.NewEncoding(m, vocabulary, limits, "mean")
			return output, m, err
		},
		"mlm": func(limits model.Limits) (*model.Output, config.Model, error) {
			m := settings(func(*config.Model) {})
			output, err := model.NewLogits(m, vocabulary, limits, "mlm")
			return output, m, err
		},
		"lstm": func(limits model.Limits) (*model.Output, config.Model, error) {
			m := generating["lstm"]
			output, err := model.NewLogits(m, vocabulary, limits, "lm")
			return output, m, err
		},
		"gatedcnn": func(limits model.Limits) (*model.Output, config.Model, error) {
			m := generating["gatedcnn"]
			output, err := model.NewLogits(m, vocabulary, limits, "lm")
			return output, m, err
		},
	}
	list := texts(50, length)
	for name, build := range programs {
		output, m, err := build(whole)
		if err != nil {
			t.Fatal(err)
		}
		values := parameters(m, output)
		want := rowsOf(t, output, whole, values, list)
		reversed := slices.Clone(list)
		slices.Reverse(reversed)
		for i, got := range rowsOf(t, output, whole, values, reversed) {
			if !sameBits(got, want[len(list)-1-i]) {
				t.Errorf("%s: text %d in reverse order has other bits", name, len(list)-1-i)
			}
		}
		for _, sequences := range []int{1, 3} {
			small := model.Limits{Sequences: sequences, Length: length, Tokens: 2 * length, Predictions: length}
			if output, _, err = build(small); err != nil {
				t.Fatal(err)
			}
			for i, got := range rowsOf(t, output, small, values, list) {
				if !sameBits(got, want[i]) {
					t.Errorf("%s: text %d in batches of %d has other bits", name, i, sequences)
				}
			}
		}
	}
}

func TestTextsThatDoNotFit(t *testing.T) {
	limits := model.Limits{Sequences: 2, Length: 8, Tokens: 16, Predictions: 16}
	m := settings(func(*config.Model) {})
	output, err := model.NewEncoding(m, vocabulary, limits, "first")
	if err != nil {
		t.Fatal(err)
	}
	r, err := inference.NewRunner(newDevice(t), output, limits, parameters(m, output))
	if err != nil {
		t.Fatal(err)
	}
	take := func(int, []float32) error { return nil }
	if err := r.Run(t.Context(), []inference.Sequence{{Tokens: make([]int32, 9)}}, take); err == nil {
		t.Error("a text that is longer than the limits is no error")
	}
	stopped, cancel := context.WithCancelCause(t.Context())
	cancel(fmt.Errorf("enough"))
	if err := r.Run(stopped, texts(3, 8), take); err == nil || err.Error() != "enough" {
		t.Errorf("a cancelled run ends with %v", err)
	}
}

// TestSampling: the frequencies of tokens are their probabilities, among those that the settings leave.
func TestSampling(t *testing.T) {
	m := generating["gpt"]
	programs, err := model.NewGeneration(m, vocabulary, model.Limits{Length: 4})
	if err != nil {
		t.Fatal(err)
	}
	g, err := inference.NewGenerator(newDevice(t), programs, parameters(m, programs.Beginning))
	if err != nil {
		t.Fatal(err)
	}
	start := []int32{5, 7, 9}
	limits := model.Limits{Sequences: 1, Length: 4, Tokens: 4, Predictions: 1}
	output, err := model.NewLogits(m, vocabulary, limits, "lm")
	if err != nil {
		t.Fatal(err)
	}
	scores := rowsOf(t, output, limits, parameters(m, output), []inference.Sequence{{Tokens: start, Predicted: []int32{2}}})[0]
	for _, s := range []inference.Sampler{
		{Temperature: 1}, {Temperature: 1, TopK: 5}, {Temperature: 2, TopK: 20}, {Temperature: 1, TopP: 0.7}, {Temperature: 1, TopK: 9, TopP: 0.4},
	} {
		want := expected(scores, s)
		const draws = 3000
		counts := map[int32]float64{}
		for i := range draws {
			draw := random.NewStream()
			draw.Reset(7, i)
			text, err := g.Continue(t.Context(), inference.Beginning{Tokens: start}, 4, s, draw, -1)
			if err != nil {
				t.Fatal(err)
			}
			counts[text[3]]++
		}
		for token, n := range counts {
			p := want[token]
			if sigma := math.Sqrt(draws * p * (1 - p)); math.Abs(n-draws*p) > 5*sigma+1 {
				t.Errorf("%+v: token %d came %v times, its probability is %g", s, token, n, p)
			}
		}
	}
}

// expected returns the probabilities of tokens, computed plainly.
func expected(scores []float32, s inference.Sampler) map[int32]float64 {
	ids := make([]int32, len(scores))
	for i := range ids {
		ids[i] = int32(i)
	}
	slices.SortFunc(ids, func(a, b int32) int {
		if scores[a] > scores[b] {
			return -1
		}
		return 1
	})
	if s.TopK > 0 {
		ids = ids[:s.TopK]
	}
	weights, sum := map[int32]float64{}, 0.0
	for _, id := range ids {
		weights[id] = math.Exp(float64(scores[id]) / s.Temperature)
		sum += weights[id]
	}
	kept, reached := map[int32]float64{}, 0.0
	for _, id := range ids {
		if s.TopP > 0 && reached > s.TopP {
			break
		}
		kept[id] = weights[id] / sum
		reached += kept[id]
	}
	for id := range kept {
		kept[id] /= reached
	}
	return kept
}

func TestTop(t *testing.T) {
	got := inference.Top([]float32{1, 3, 2, 3, -5}, 3)
	sum := math.Exp(1) + 2*math.Exp(3) + math.Exp(2) + math.Exp(-5)
	want := []inference.Candidate{{Token: 1, Probability: math.Exp(3) / sum}, {Token: 3, Probability: math.Exp(3) / sum}, {Token: 2, Probability: math.Exp(2) / sum}}
	if !slices.EqualFunc(got, want, func(a, b inference.Candidate) bool {
		return a.Token == b.Token && math.Abs(a.Probability-b.Probability) < 1e-12
	}) {
		t.Errorf("%v, want %v", got, want)
	}
	if n := len(inference.Top([]float32{1, 2}, 5)); n != 2 {
		t.Errorf("%d of two tokens", n)
	}
}

func TestNearest(t *testing.T) {
	table := []float32{1, 0, 0, 0, 2, 2, -1, 0, 3, 0}
	got := inference.Nearest(table, 2, 0, 3)
	want := []inference.Neighbour{{Row: 4, Cosine: 1}, {Row: 2, Cosine: math.Sqrt(0.5)}, {Row: 1, Cosine: 0}}
	for i := range want {
		if got[i].Row != want[i].Row || math.Abs(got[i].Cosine-want[i].Cosine) > 1e-12 {
			t.Errorf("%v, want %v", got, want)
		}
	}
}
