package model

import (
	"math"
	"slices"
	"strings"
	"testing"

	"uer/internal/config"
)

// TestInitialize checks the mean and the deviation of every parameter of a model that has all kinds of them.
func TestInitialize(t *testing.T) {
	m := tiny("word_sinusoidalpos", "transformer", "seq2seq")
	m.EmbeddingSize, m.HiddenSize, m.FeedForwardSize, m.LayersNumber = 64, 64, 96, 3
	m.LayerNorm, m.HasLMTargetBias = "t5", true
	for _, test := range []struct {
		change func(m *config.Model)
		small  float64 // deviation of the layers that end residual branches
	}{
		{func(*config.Model) {}, 0.02},
		{func(m *config.Model) { m.DeepInit = true }, 0.02 / math.Sqrt(6)},
	} {
		test.change(&m)
		made, parameters := initialized(t, m, 7)
		for _, p := range made.Program.Parameters {
			values := parameters[p.Offset:][:p.Shape.Elements()]
			mean, deviation := moments(values)
			wantMean, wantDeviation := 0.0, 0.02
			switch {
			case p.Frozen:
				continue
			case strings.Contains(p.Name, "layer_norm"):
				wantMean, wantDeviation = 1, 0
			case strings.Contains(p.Name, "final_linear.bias"), strings.Contains(p.Name, "linear_2.bias"):
				if m.DeepInit {
					wantDeviation = 0
				}
			case strings.Contains(p.Name, "final_linear"), strings.Contains(p.Name, "linear_2"):
				wantDeviation = test.small
			}
			// Four standard errors.
			tolerance := 4 * wantDeviation / math.Sqrt(float64(len(values)))
			if math.Abs(mean-wantMean) > tolerance || math.Abs(deviation-wantDeviation) > tolerance {
				t.Errorf("deep_init %v: %s has mean %.4f and deviation %.4f, want %.4f and %.4f", m.DeepInit, p.Name, mean,
					deviation, wantMean, wantDeviation)
			}
		}
	}
}

func initialized(t *testing.T, m config.Model, seed int64) (*Model, []float32) {
	t.Helper()
	made, err := New(m, 50, Limits{Sequences: 1, Length: demoLength, Output: demoLength})
	if err != nil {
		t.Fatal(err)
	}
	parameters := make([]float32, made.Program.ParameterSize)
	Initialize(m, made.Program, parameters, seed)
	return made, parameters
}

func moments(values []float32) (mean, deviation float64) {
	for _, v := range values {
		mean += float64(v) / float64(len(values))
	}
	for _, v := range values {
		deviation += (float64(v) - mean) * (float64(v) - mean) / float64(len(values))
	}
	return mean, math.Sqrt(deviation)
}

// TestInitializeByName checks that the values of a parameter depend on the seed and its name, not on the rest of the model.
func TestInitializeByName(t *testing.T) {
	const table = "embedding.word_embedding.weight"
	find := func(m config.Model, seed int64) []float32 {
		made, parameters := initialized(t, m, seed)
		for _, p := range made.Program.Parameters {
			if p.Name == table {
				return parameters[p.Offset:][:p.Shape.Elements()]
			}
		}
		t.Fatalf("there is no %s", table)
		return nil
	}
	first := find(tiny("word", "lstm", "lm"), 7)
	if !slices.Equal(first, find(tiny("word_pos", "transformer", "bert"), 7)) {
		t.Error("another model has another word table")
	}
	if slices.Equal(first, find(tiny("word", "lstm", "lm"), 8)) {
		t.Error("another seed gives the same word table")
	}
}
