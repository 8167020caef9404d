package inference_test

import (
	"slices"
	"testing"

	"uer/internal/config"
	"uer/internal/device"
	"uer/internal/graph"
	"uer/internal/inference"
	"uer/internal/model"
	"uer/internal/task"
)

func prefixed(m *config.Model) { m.Target, m.Mask = "prefixlm", "causal_with_prefix" }

func decoding(m *config.Model) {
	m.Target, m.Decoder, m.TargetEmbedding, m.DecoderLayers = "seq2seq", "transformer", "word_pos", 2
}

func t5(m *config.Model) {
	decoding(m)
	m.Target, m.Embedding, m.TargetEmbedding = "t5", "word", "word"
	m.LayerNormPositioning, m.LayerNorm, m.FeedForward = "pre", "t5", "gated"
	m.RemoveTransformerBias, m.RemoveAttentionScale, m.RemoveEmbeddingLayerNorm = true, true, true
	m.RelativePositionEmbedding, m.ShareEmbedding, m.TieWeights = true, true, true
}

// generating are models that write texts.
var generating = map[string]config.Model{
	"gpt": settings(causal),
	"gpt2": settings(func(m *config.Model) {
		causal(m)
		m.LayerNormPositioning, m.TieWeights = "pre", true
	}),
	"shared": settings(func(m *config.Model) {
		causal(m)
		m.ParameterSharing = true
	}),
	"bias": settings(func(m *config.Model) {
		causal(m)
		m.RelativePositionEmbedding = true
	}),
	"rnn":  settings(recurrent("rnn")),
	"lstm": settings(recurrent("lstm")),
	"gru":  settings(recurrent("gru")),
	"gatedcnn": settings(func(m *config.Model) {
		recurrent("gatedcnn")(m)
		m.KernelSize, m.BlockSize = 3, 2
	}),
	"prefixlm": settings(prefixed),
	"prefixlm bias": settings(func(m *config.Model) {
		prefixed(m)
		m.RelativePositionEmbedding = true
	}),
	"prefixlm causal": settings(func(m *config.Model) { m.Target, m.Mask = "prefixlm", "causal" }),
	"prefixlm gru": settings(func(m *config.Model) {
		recurrent("gru")(m)
		m.Target, m.Embedding = "prefixlm", "word_pos_seg"
	}),
	"prefixlm gatedcnn": settings(func(m *config.Model) {
		recurrent("gatedcnn")(m)
		m.Target, m.Embedding, m.KernelSize, m.BlockSize = "prefixlm", "word_pos_seg", 3, 2
	}),
	"seq2seq": settings(decoding),
	"seq2seq pre": settings(func(m *config.Model) {
		decoding(m)
		m.LayerNormPositioning = "pre"
	}),
	"seq2seq lstm": settings(func(m *config.Model) {
		decoding(m)
		m.Encoder = "lstm"
	}),
	"t5": settings(t5),
	"t5 positions": settings(func(m *config.Model) {
		t5(m)
		m.RelativePositionEmbedding, m.Embedding, m.TargetEmbedding = false, "word_pos", "word_pos"
	}),
}

// Lengths of the texts of tests; those of a decoder and of its encoder differ, and so do their vocabularies.
const (
	textLength, sourceLength = 48, 40
	outputVocabulary         = 200
)

// generatingLimits are those of a model's texts.
func generatingLimits(m config.Model, d device.Device) model.Limits {
	limits := model.Limits{Sequences: 1, Length: textLength, Predictions: 1, Activations: d.Activations()}
	if task.ByName[m.Target].Decoder {
		limits.Length, limits.Output = sourceLength, textLength
		if !m.TieWeights {
			limits.OutputVocabulary = outputVocabulary
		}
	}
	return limits
}

// beginningOf makes what a model continues of a text.
func beginningOf(m config.Model, tokens []int32) inference.Beginning {
	switch {
	case task.ByName[m.Target].Decoder:
		return inference.Beginning{Source: tokens, Tokens: []int32{2}}
	case m.Target == "prefixlm":
		return inference.Beginning{Tokens: tokens, First: len(tokens)}
	}
	return inference.Beginning{Tokens: tokens}
}

// whole scores the token after a text by a program that remembers nothing.
type whole struct {
	output  *model.Output
	memory  device.Memory
	program device.Executable
}

func newWhole(t *testing.T, d device.Device, m config.Model, values []float32) whole {
	t.Helper()
	var w whole
	var err error
	if w.output, err = model.NewLogits(m, vocabulary, generatingLimits(m, d), "lm"); err != nil {
		t.Fatal(err)
	}
	if w.memory, err = d.Allocate(w.output.Program.Layout); err == nil {
		err = w.memory.Write(graph.InParameters, 0, values)
	}
	if err != nil {
		t.Fatal(err)
	}
	if w.program, err = d.Load(w.output.Program, w.memory); err != nil {
		t.Fatal(err)
	}
	return w
}

// counting returns 0, 1, 2 ... n-1.
func counting(n int) []int32 {
	list := make([]int32, n)
	for i := range list {
		list[i] = int32(i)
	}
	return list
}

func (w whole) score(t *testing.T, from inference.Beginning, text []int32) []float32 {
	t.Helper()
	n := len(text)
	first := from.First
	if first == 0 {
		first = n
	}
	segments := make([]int32, n)
	for i := range segments {
		segments[i] = 1
		if i >= first {
			segments[i] = 2
		}
	}
	inputs := func(prefix string, tokens, segments []int32) device.Inputs {
		all := counting(len(tokens))
		return device.Inputs{
			{Name: prefix + "tokens", Data: tokens}, {Name: prefix + "positions", Data: all},
			{Name: prefix + "segments", Data: segments}, {Name: prefix + "rows", Data: all}, {Name: prefix + "starts", Data: []int32{0, int32(len(tokens))}},
		}
	}
	list := inputs("", text, segments)
	lengths := []int32{int32(n)}
	if from.Source != nil {
		list = append(inputs("", from.Source, slices.Repeat([]int32{1}, len(from.Source))), inputs("output_", text, segments)...)
		lengths[0] = int32(len(from.Source))
	}
	list = append(list, device.Input{Name: "lengths", Data: lengths}, device.Input{Name: "prefix", Data: []int32{int32(first)}},
		device.Input{Name: "predicted", Data: []int32{int32(n - 1)}})
	if err := w.program.Feed(list); err != nil {
		t.Fatal(err)
	}
	if err := w.program.Run(device.Run{}); err != nil {
		t.Fatal(err)
	}
	scores := make([]float32, w.output.Width)
	if err := w.memory.Read(graph.InState, w.output.Rows.Offset, scores); err != nil {
		t.Fatal(err)
	}
	return scores
}

// TestMemoryChangesNothing: greedy texts of programs that remember are those that come of computing the whole text for each
// token, and so are the scores of their tokens.
func TestMemoryChangesNothing(t *testing.T) {
	forgetful := []string{"bias", "gatedcnn", "prefixlm bias", "prefixlm gatedcnn", "t5"}
	for name, m := range generating {
		t.Run(name, func(t *testing.T) {
			d := newDevice(t)
			programs, err := model.NewGeneration(m, vocabulary, generatingLimits(m, d))
			if err != nil {
				t.Fatal(err)
			}
			if programs.Remembers == slices.Contains(forgetful, name) {
				t.Errorf("remembers %v", programs.Remembers)
			}
			values := parameters(m, programs.Beginning)
			g, err := inference.NewGenerator(d, programs, values)
			if err != nil {
				t.Fatal(err)
			}
			w := newWhole(t, d, m, values)
			for _, start := range texts(4, 9) { // several texts in a row, so that the memory is emptied
				compareWithWhole(t, g, w, beginningOf(m, start.Tokens))
			}
		})
	}
}

func compareWithWhole(t *testing.T, g *inference.Generator, w whole, from inference.Beginning) {
	t.Helper()
	text, err := g.Continue(t.Context(), from, textLength, inference.Sampler{}, nil, -1)
	if err != nil {
		t.Fatal(err)
	}
	if len(text) != textLength {
		t.Fatalf("%d tokens of %d", len(text), textLength)
	}
	for n := len(from.Tokens); n < textLength; n++ {
		scores := w.score(t, from, text[:n])
		if best := inference.Top(scores, 1)[0].Token; best != text[n] {
			t.Fatalf("token %d is %d, but %d without memory", n, text[n], best)
		}
		if n == textLength-1 && !sameBits(g.Scores(), scores) {
			t.Errorf("the scores of token %d have other bits without memory", n)
		}
	}
}

// TestSourcesMatter: texts of a decoder depend on every token of their source.
func TestSourcesMatter(t *testing.T) {
	for _, name := range []string{"seq2seq", "t5", "prefixlm"} {
		m, d := generating[name], newDevice(t)
		programs, err := model.NewGeneration(m, vocabulary, generatingLimits(m, d))
		if err != nil {
			t.Fatal(err)
		}
		g, err := inference.NewGenerator(d, programs, parameters(m, programs.Beginning))
		if err != nil {
			t.Fatal(err)
		}
		source := []int32{5, 7, 9, 11}
		scoresOf := func() []float32 {
			from := beginningOf(m, source)
			if _, err := g.Continue(t.Context(), from, len(from.Tokens)+2, inference.Sampler{}, nil, -1); err != nil {
				t.Fatal(err)
			}
			return slices.Clone(g.Scores())
		}
		before := scoresOf()
		for i := range source {
			source[i]++
			if sameBits(scoresOf(), before) {
				t.Errorf("%s: token %d of the source changes nothing", name, i)
			}
			source[i]--
		}
	}
}
