package inference_test

import (
	"math"
	"slices"
	"testing"

	"uer/internal/device"
	"uer/internal/device/cuda"
	"uer/internal/device/cuda/gputest"
	"uer/internal/inference"
	"uer/internal/model"
)

// TestGPUWrites: a GPU scores each token of a text as it does without memory, and as the CPU does.
func TestGPUWrites(t *testing.T) {
	gputest.Need(t)
	names := []string{
		"gpt2", "rnn", "lstm", "gru", "gatedcnn", "prefixlm", "prefixlm bias", "seq2seq", "seq2seq lstm", "t5", "t5 positions",
	}
	if testing.Short() {
		names = []string{"gru", "prefixlm", "seq2seq"}
	}
	// Of the range of scores: from those without memory, and from those of the CPU.
	for precision, tolerances := range map[string][2]float64{"fp32": {1e-5, 1e-4}, "bf16": {0.02, 0.15}} {
		d, err := cuda.New(cuda.Options{Precision: precision})
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			t.Run(precision+"/"+name, func(t *testing.T) { compareOnGPU(t, d, name, tolerances) })
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
}

func compareOnGPU(t *testing.T, d device.Device, name string, tolerances [2]float64) {
	m, processor := generating[name], newDevice(t)
	programs, err := model.NewGeneration(m, vocabulary, generatingLimits(m, d))
	if err != nil {
		t.Fatal(err)
	}
	values := parameters(m, programs.Beginning)
	smaller := float32(2)
	if m.RemoveAttentionScale {
		smaller = 4 // with larger ones, rounding makes other scores
	}
	for i := range values {
		values[i] /= smaller
	}
	g, err := inference.NewGenerator(d, programs, values)
	if err != nil {
		t.Fatal(err)
	}
	here, there := newWhole(t, d, m, values), newWhole(t, processor, m, values)
	for _, start := range texts(2, 9) {
		from := beginningOf(m, start.Tokens)
		text := slices.Clone(from.Tokens)
		for n := len(text); n < len(from.Tokens)+6; n++ {
			// Greedy texts are the same again, one token longer.
			if text, err = g.Continue(t.Context(), from, n+1, inference.Sampler{}, nil, -1); err != nil {
				t.Fatal(err)
			}
			for i, w := range []whole{here, there} {
				what, want := [2]string{"without memory", "on the CPU"}[i], w.score(t, from, text[:n])
				spread := float64(slices.Max(want) - slices.Min(want))
				for token, got := range g.Scores() {
					if e := math.Abs(float64(got - want[token])); !(e <= tolerances[i]*spread) {
						t.Fatalf("the score of token %d after %d tokens is %v, %s %v", token, n, got, what, want[token])
					}
				}
			}
		}
	}
}
