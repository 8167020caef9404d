package inference_test

import (
	"math"
	"slices"
	"testing"

	"uer/internal/device"
	"uer/internal/device/cpu"
	"uer/internal/inference"
	"uer/internal/model"
)

// scored names the models whose scores are compared between devices and precisions.
func scored() []string {
	if testing.Short() {
		return []string{"gru", "prefixlm", "seq2seq"}
	}
	return []string{
		"gpt2", "rnn", "lstm", "gru", "gatedcnn", "prefixlm", "prefixlm bias", "seq2seq", "seq2seq lstm", "t5", "t5 positions",
	}
}

// TestWritesInBFloat16: with activations in bfloat16, the CPU scores each token of a text as it does without memory, and as it
// does in float32, within the bounds that hold for a GPU.
func TestWritesInBFloat16(t *testing.T) {
	d, err := cpu.New(cpu.Options{Threads: 2, Precision: "bf16"})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for _, name := range scored() {
		t.Run(name, func(t *testing.T) { compareScores(t, d, name, [2]float64{0.02, 0.15}) })
	}
}

// compareScores has a device continue texts, and compares the scores of each token, as shares of their range, with those
// without memory and with those that a CPU computes in float32.
func compareScores(t *testing.T, d device.Device, name string, tolerances [2]float64) {
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
				what, want := [2]string{"without memory", "in float32"}[i], w.score(t, from, text[:n])
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
