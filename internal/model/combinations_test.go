package model

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"uer/internal/config"
	"uer/internal/console"
	"uer/internal/device"
	"uer/internal/embedding"
	"uer/internal/encoder"
	"uer/internal/registry"
	"uer/internal/target"
	"uer/internal/task"
)

// tiny returns a small model of the given parts, with all settings that any of them needs. The name of an encoder may be
// followed by a space and its mask, or by bidirectional.
func tiny(embeddingName, encoderName, targetName string) config.Model {
	m := config.Model{
		EmbeddingSize: 8, HiddenSize: 8, FeedForwardSize: 12, HeadsNumber: 2, LayersNumber: 2, MaxSequenceLength: demoLength,
		HiddenActivation: "gelu", Dropout: 0.1, KernelSize: 3, BlockSize: 2, RelativeAttentionBucketsNumber: 8,
		Embedding: embeddingName, Mask: "fully_visible", Target: targetName, Pooling: "first",
		LayerNormPositioning: "post", FeedForward: "dense", LayerNorm: "normal",
	}
	name, variant, _ := strings.Cut(encoderName, " ")
	m.Encoder = name
	switch variant {
	case "":
	case "bidirectional":
		m.Bidirectional = true
	default:
		m.Mask = variant
	}
	if task.ByName[targetName].Decoder {
		m.TargetEmbedding = embeddingName
	}
	if target.ByName[targetName].Reads("labels_num") {
		m.LabelsNumber = demoLabels
	}
	return m
}

// encoders lists the encoders with every setting that changes their context.
func encoders() []string {
	var list []string
	for _, name := range registry.Names(encoder.ByName) {
		if name == "bert" { // another name of the transformer
			continue
		}
		e := encoder.ByName[name]
		if e.Reads("mask") {
			for _, mask := range registry.Names(encoder.Masks) {
				list = append(list, name+" "+mask)
			}
			continue
		}
		list = append(list, name)
		if e.Reads("bidirectional") {
			list = append(list, name+" bidirectional")
		}
	}
	return list
}

const (
	copies  = " would copy what it has to predict: "
	follow  = " sees the tokens that follow"
	mixes   = "target bilm needs two directions that never see each other: "
	before  = " sees only the tokens before"
	forward = "target bilm predicts in both directions: "
	nothing = "target cls would see nothing of the text: pooling first takes the first token, and "
	two     = "\nhint: pass --encoder bigru, bilstm or birnn"
	one     = "\nhint: pass --encoder gatedcnn, gru, lstm or rnn"
	pool    = "\nhint: pass --pooling last, max or mean"
)

// refused holds the combinations of target and encoder that are rejected with any embedding, and the messages. All others
// can be trained.
var refused = map[string]map[string]string{
	"lm": {
		"transformer fully_visible":      "target lm" + copies + "encoder transformer with mask fully_visible" + follow + "\nhint: pass --mask causal",
		"transformer causal_with_prefix": "target lm" + copies + "encoder transformer with mask causal_with_prefix" + follow + "\nhint: pass --mask causal",
		"rnn bidirectional":              "target lm" + copies + "encoder rnn with bidirectional" + follow + "\nhint: leave out --bidirectional",
		"lstm bidirectional":             "target lm" + copies + "encoder lstm with bidirectional" + follow + "\nhint: leave out --bidirectional",
		"gru bidirectional":              "target lm" + copies + "encoder gru with bidirectional" + follow + "\nhint: leave out --bidirectional",
		"birnn":                          "target lm" + copies + "encoder birnn" + follow + one,
		"bilstm":                         "target lm" + copies + "encoder bilstm" + follow + one,
		"bigru":                          "target lm" + copies + "encoder bigru" + follow + one,
	},
	"prefixlm": {
		"transformer fully_visible": "target prefixlm" + copies + "encoder transformer with mask fully_visible" + follow + "\nhint: pass --mask causal_with_prefix",
		"rnn bidirectional":         "target prefixlm" + copies + "encoder rnn with bidirectional" + follow + "\nhint: leave out --bidirectional",
		"lstm bidirectional":        "target prefixlm" + copies + "encoder lstm with bidirectional" + follow + "\nhint: leave out --bidirectional",
		"gru bidirectional":         "target prefixlm" + copies + "encoder gru with bidirectional" + follow + "\nhint: leave out --bidirectional",
		"birnn":                     "target prefixlm" + copies + "encoder birnn" + follow + one,
		"bilstm":                    "target prefixlm" + copies + "encoder bilstm" + follow + one,
		"bigru":                     "target prefixlm" + copies + "encoder bigru" + follow + one,
	},
	"bilm": {
		"transformer fully_visible":      mixes + "encoder transformer with mask fully_visible mixes them" + two,
		"transformer causal_with_prefix": mixes + "encoder transformer with mask causal_with_prefix mixes them" + two,
		"rnn bidirectional":              mixes + "encoder rnn with bidirectional mixes them" + two,
		"lstm bidirectional":             mixes + "encoder lstm with bidirectional mixes them" + two,
		"gru bidirectional":              mixes + "encoder gru with bidirectional mixes them" + two,
		"transformer causal":             forward + "encoder transformer with mask causal" + before + two,
		"rnn":                            forward + "encoder rnn" + before + two,
		"lstm":                           forward + "encoder lstm" + before + two,
		"gru":                            forward + "encoder gru" + before + two,
		"gatedcnn":                       forward + "encoder gatedcnn" + before + two,
	},
	"cls": {
		"transformer causal": nothing + "encoder transformer with mask causal" + before + pool,
		"rnn":                nothing + "encoder rnn" + before + pool,
		"lstm":               nothing + "encoder lstm" + before + pool,
		"gru":                nothing + "encoder gru" + before + pool,
		"gatedcnn":           nothing + "encoder gatedcnn" + before + pool,
	},
}

// TestCombinations builds every combination of embedding, encoder, mask and target. Each must be rejected as refused
// says, or train for two steps. In short mode a target meets a third of the encoders, and each pair one embedding.
func TestCombinations(t *testing.T) {
	text := openDemo(t)
	on := processor{threads: 1}
	for i, targetName := range registry.Names(target.ByName) {
		for j, encoderName := range encoders() {
			embeddings := registry.Names(embedding.ByName)
			if testing.Short() {
				if (i+j)%3 > 0 {
					continue
				}
				embeddings = embeddings[j%len(embeddings):][:1]
			}
			for _, embeddingName := range embeddings {
				m := tiny(embeddingName, encoderName, targetName)
				name := embeddingName + ", " + encoderName + ", " + targetName
				if want, refuses := refused[targetName][encoderName]; refuses {
					checkRefusal(t, name, m, want)
					continue
				}
				text.train(t, on, name, m)
			}
		}
	}
}

// checkRefusal checks the message about a model that cannot be built.
func checkRefusal(t *testing.T, name string, m config.Model, want string) {
	t.Helper()
	_, err := New(m, 10, Limits{Sequences: 1, Length: demoLength, Output: demoLength})
	if err == nil {
		t.Errorf("%s is not refused", name)
		return
	}
	var printed bytes.Buffer
	console.Report(&printed, err)
	got := strings.TrimSpace(strings.Replace(printed.String(), "\n     hint:", "\nhint:", 1))
	if want = "uer: error: " + want; got != want {
		t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
	}
}

// probe runs the last batch again: where all is well, no instruction writes a value that is not finite, with which a search for
// the first one would end too early.
func (r *training) probe(t *testing.T, name string) {
	t.Helper()
	prober, ok := r.pass.(device.Prober)
	if !ok {
		return
	}
	if err := r.pass.Feed(r.inputs); err != nil {
		t.Fatal(err)
	}
	err := r.pass.Run(device.Run{Seed: 7, Step: 3, After: func(i int) {
		at, err := prober.NotFinite(i)
		if err != nil || at.Index >= 0 {
			t.Errorf("%s: instruction %d, %s, writes %+v, %v", name, i, r.model.Program.Instructions[i].Op.Name(), at, err)
		}
	}})
	if _, ends := r.pass.Figures(true); err != nil || ends != nil {
		t.Fatal(err, ends)
	}
}

// train trains a model for two steps. The loss must be finite and every parameter must move. Then it evaluates the last
// batch.
func (d *demo) train(t *testing.T, on processor, name string, m config.Model) {
	t.Helper()
	loader := d.loader(t, m, demoBatch)
	defer loader.Close()
	limits := Limits{Sequences: demoBatch, Length: demoLength, Output: loader.OutputLength}
	r := d.newTraining(t, on, m, limits)
	start := r.parameters(t)
	for step := range 2 {
		b, err := loader.Next()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		r.inputs = b.Inputs(r.inputs)
		if loss := r.train(t); !(loss > 0) || math.IsInf(loss, 0) {
			t.Errorf("%s: step %d has loss %v", name, step+1, loss)
		}
	}
	r.probe(t, name)
	end := r.parameters(t)
	for _, p := range r.model.Program.Parameters {
		from, to := p.Offset, p.Offset+p.Shape.Elements()
		if !stays(p.Name, m.Target) && !p.Frozen && slices.Equal(start[from:to], end[from:to]) {
			t.Errorf("%s: %s did not change", name, p.Name)
		}
	}
	if loss := d.evaluate(t, m, limits, r); !(loss > 0) || math.IsInf(loss, 0) {
		t.Errorf("%s: evaluation gives loss %v", name, loss)
	}
}

// evaluate returns the loss of a training on its present inputs, without dropout.
func (d *demo) evaluate(t *testing.T, m config.Model, limits Limits, r *training) float64 {
	t.Helper()
	alone, err := NewForward(m, d.vocabulary.Size(), limits, false)
	if err != nil {
		t.Fatal(err)
	}
	program, err := r.device.Load(alone.Program, r.memory)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(program.Feed(r.inputs), program.Run(device.Run{})); err != nil {
		t.Fatal(err)
	}
	return figures(t, program)[0]
}

// stays reports whether a parameter has no gradient: a constant added to all keys changes no probability, and if only the
// first token of a text counts, it has no previous state.
func stays(name, target string) bool {
	return strings.HasSuffix(name, "_attn.linear_layers.1.bias") || target == "cls" && strings.Contains(name, "weight_hh_")
}
