package model

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"uer/internal/checkpoint"
	"uer/internal/config"
	"uer/internal/device"
	"uer/internal/graph"
	"uer/internal/kernel"
	"uer/internal/npz"
)

// The golden files hold what UER-py computed with small models: parameters, batches, losses, gradients on the first
// batch, and parameters after three updates. All models share these settings.
const (
	goldenVocabulary = 232
	goldenBatch      = 4
	goldenLength     = 32
)

func goldenModel(change func(m *config.Model)) config.Model {
	m := config.Model{
		EmbeddingSize: 32, HiddenSize: 32, FeedForwardSize: 64, HeadsNumber: 2, LayersNumber: 2, MaxSequenceLength: 40,
		HiddenActivation: "gelu", Embedding: "word_pos_seg", Encoder: "transformer", Mask: "fully_visible", Target: "mlm",
		LayerNormPositioning: "post", FeedForward: "dense", LayerNorm: "normal",
		RelativeAttentionBucketsNumber: 32,
	}
	change(&m)
	return m
}

var goldenModels = map[string]config.Model{
	"roberta":          goldenModel(func(*config.Model) {}),
	"spanbert_static":  goldenModel(func(*config.Model) {}),
	"spanbert_dynamic": goldenModel(func(*config.Model) {}),
	"bert":             goldenModel(func(m *config.Model) { m.Target = "bert" }),
	"albert": goldenModel(func(m *config.Model) {
		m.Target, m.EmbeddingSize, m.HiddenActivation = "albert", 16, "relu"
		m.FactorizedEmbeddingParameterization, m.ParameterSharing = true, true
	}),
	"gpt": goldenModel(func(m *config.Model) { m.Target, m.Embedding, m.Mask = "lm", "word_pos", "causal" }),
	"gpt2": goldenModel(func(m *config.Model) {
		m.Target, m.Embedding, m.Mask, m.LayerNormPositioning = "lm", "word_pos", "causal", "pre"
		m.TieWeights, m.RemoveEmbeddingLayerNorm = true, true
	}),
	"lstm_lm":  goldenModel(func(m *config.Model) { m.Target, m.Embedding, m.Encoder = "lm", "word", "lstm" }),
	"gru_lm":   goldenModel(func(m *config.Model) { m.Target, m.Embedding, m.Encoder = "lm", "word", "gru" }),
	"x_rnn_lm": goldenModel(func(m *config.Model) { m.Target, m.Embedding, m.Encoder = "lm", "word", "rnn" }),
	"elmo": goldenModel(func(m *config.Model) {
		m.Target, m.Embedding, m.Encoder, m.KeepPadding = "bilm", "word", "bilstm", true
	}),
	"gatedcnn_lm": goldenModel(func(m *config.Model) {
		m.Target, m.Embedding, m.Encoder, m.EmbeddingSize = "lm", "word", "gatedcnn", 16
		m.LayersNumber, m.KernelSize, m.BlockSize = 5, 4, 2
	}),
	"x_prefixlm": goldenModel(func(m *config.Model) { m.Target, m.Mask = "prefixlm", "causal_with_prefix" }),
	"x_cls_mean": goldenModel(func(m *config.Model) {
		m.Target, m.Pooling, m.LabelsNumber, m.KeepPadding = "cls", "mean", 3, true
	}),
	"x_seq2seq": goldenModel(func(m *config.Model) {
		m.Target, m.Embedding, m.TargetEmbedding = "seq2seq", "word_sinusoidalpos", "word_sinusoidalpos"
	}),
	"x_t5": goldenModel(func(m *config.Model) {
		m.Target, m.Embedding, m.TargetEmbedding, m.HiddenActivation = "t5", "word", "word", "relu"
		m.LayerNormPositioning, m.LayerNorm = "pre", "t5"
		m.TieWeights, m.ShareEmbedding, m.RelativePositionEmbedding, m.RemoveEmbeddingLayerNorm = true, true, true, true
		m.RemoveTransformerBias, m.RemoveAttentionScale = true, true
	}),
}

type expectation struct {
	LearningRate    float64 `json:"learning_rate"`
	Batch0TotalLoss float64 `json:"batch0_total_loss"`
	After3          map[string][]struct {
		Rate      float64 `json:"lr"`
		TotalLoss float64 `json:"total_loss"`
	} `json:"after3"`
}

// goldenBatchFile is a padded batch of UER-py's loader.
type goldenBatchFile struct {
	Source       [][]int32       `json:"src"`
	Target       json.RawMessage `json:"tgt"`
	TargetMasked [][]int32       `json:"tgt_mlm"`
	TargetPair   []int32         `json:"tgt_sp"`
	Forward      [][]int32       `json:"tgt_forward"`
	Backward     [][]int32       `json:"tgt_backward"`
	TargetIn     [][]int32       `json:"tgt_in"`
	TargetOut    [][]int32       `json:"tgt_out"`
	Segments     [][]int32       `json:"seg"`
}

// ragged turns a padded batch into the inputs of a program, without the padding unless keepPadding is set.
func (b goldenBatchFile) ragged(t *testing.T, keepPadding bool) map[string][]int32 {
	t.Helper()
	in := map[string][]int32{"sentence_labels": b.TargetPair}
	target := b.TargetMasked
	switch {
	case target != nil || b.Target == nil:
	case b.Target[1] == '[':
		unmarshal(t, b.Target, &target)
	default: // cls: one label per sequence
		var labels []int32
		unmarshal(t, b.Target, &labels)
		in["sentence_labels"] = labels
	}
	addSequences(in, "", b.Source, b.Segments, keepPadding)
	if b.TargetIn != nil {
		real := make([][]int32, len(b.TargetIn))
		for i, row := range b.TargetIn {
			real[i] = make([]int32, len(row))
			for j, id := range row {
				real[i][j] = min(id, 1)
			}
		}
		addSequences(in, "output_", b.TargetIn, real, false)
		addPredictions(in, b.TargetOut, in["output_rows"])
		return in
	}
	if b.Forward != nil {
		target = b.Forward
		addPredictions(in, b.Backward, in["rows"])
		in["backward_predicted"], in["backward_labels"] = in["predicted"], in["labels"]
		in["predicted"], in["labels"] = nil, nil
	}
	addPredictions(in, target, in["rows"])
	return in
}

// addSequences adds tokens and their positions. Tokens in a segment above 0 are real.
func addSequences(in map[string][]int32, prefix string, tokens, segments [][]int32, keepPadding bool) {
	add := func(name string, value int32) { in[prefix+name] = append(in[prefix+name], value) }
	add("starts", 0)
	for i, row := range tokens {
		add("first", int32(len(in[prefix+"tokens"])))
		real, source := int32(0), int32(0)
		for j, id := range row {
			if segments[i][j] == 0 && !keepPadding {
				continue
			}
			if id > 0 { // UER-py's t5 leaves padding in a segment, which the decoder ignores
				real++
			}
			if segments[i][j] == 1 {
				source++
			}
			add("tokens", id)
			add("positions", int32(j))
			add("segments", segments[i][j])
			add("rows", int32(i*goldenLength+j))
		}
		add("starts", int32(len(in[prefix+"tokens"])))
		add("last", int32(len(in[prefix+"tokens"]))-1)
		add("lengths", real)
		add("prefix", source)
	}
}

// addPredictions adds the labels above 0 and the indices of their tokens, given by their numbers in the padded batch.
func addPredictions(in map[string][]int32, labels [][]int32, rows []int32) {
	for index, row := range rows {
		i, j := row/goldenLength, row%goldenLength
		if labels != nil && labels[i][j] > 0 {
			in["predicted"] = append(in["predicted"], int32(index))
			in["labels"] = append(in["labels"], labels[i][j])
		}
	}
}

func unmarshal(t *testing.T, data []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatal(err)
	}
}

// golden is a model with its files.
type golden struct {
	folder   string
	model    *Model
	batches  []map[string][]int32
	expected expectation
	on       processor
}

func openGolden(t *testing.T, name string) *golden {
	t.Helper()
	g := &golden{folder: filepath.Join("testdata", name), model: newGoldenModel(t, name, graph.Float32)}
	var batches []goldenBatchFile
	readJSON(t, filepath.Join(g.folder, "batches.json"), &batches)
	for _, b := range batches {
		g.batches = append(g.batches, b.ragged(t, goldenModels[name].KeepPadding))
	}
	readJSON(t, filepath.Join(g.folder, "expected.json"), &g.expected)
	g.on = processor{threads: 2}
	return g
}

func newGoldenModel(t *testing.T, name string, activations graph.Type) *Model {
	t.Helper()
	limits := Limits{Sequences: goldenBatch, Length: goldenLength, Output: goldenLength, Activations: activations}
	m, err := New(goldenModels[name], goldenVocabulary, limits)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func readJSON(t *testing.T, path string, into any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// initial reads the golden initial parameters.
func (g *golden) initial(t *testing.T) []float32 {
	t.Helper()
	parameters := make([]float32, g.model.Program.ParameterSize)
	match, err := checkpoint.Load(filepath.Join(g.folder, "init.bin"), g.model.Program, parameters)
	if err != nil {
		t.Fatal(err)
	}
	if len(match.Missing)+len(match.Unused) > 0 {
		t.Fatalf("missing tensors %v, unused tensors %v", match.Missing, match.Unused)
	}
	return parameters
}

// start loads the program with the golden initial parameters.
func (g *golden) start(t *testing.T, precision string) *loaded {
	t.Helper()
	program := g.model.Program
	if activations := g.on.activations(precision); activations != graph.Float32 {
		program = newGoldenModel(t, filepath.Base(g.folder), activations).Program
	}
	return g.on.load(t, precision, program, program.Layout, g.initial(t))
}

func (g *golden) feed(l *loaded, batch int) {
	for name, data := range g.batches[batch] {
		l.set(name, data...)
	}
}

func (g *golden) run(t *testing.T, l *loaded, batch int) float64 {
	t.Helper()
	g.feed(l, batch)
	l.run(t, device.Run{})
	return l.outputs[0]
}

// testedSets returns the instruction sets of this machine; in short mode, only the one that uer would use.
func testedSets() []string {
	if !testing.Short() {
		return kernel.InstructionSets()
	}
	if set := os.Getenv("UER_CPU"); set != "" {
		return []string{set}
	}
	return kernel.InstructionSets()[:1]
}

// onEverySet runs a test with each of testedSets. The golden models are so small that even the portable routines run all of
// them in a second.
func onEverySet(t *testing.T, test func(t *testing.T)) {
	for _, set := range testedSets() {
		t.Run(set, func(t *testing.T) {
			t.Setenv("UER_CPU", set)
			test(t)
		})
	}
}

func TestGoldenNames(t *testing.T) {
	for name := range goldenModels {
		g := openGolden(t, name)
		var file struct {
			Entries [][2]any `json:"entries"`
		}
		readJSON(t, filepath.Join(g.folder, "state_dict.json"), &file)
		var want, got []string
		for _, entry := range file.Entries {
			want = append(want, entry[0].(string))
		}
		for _, p := range g.model.Program.Parameters {
			got = append(append(got, p.Name), p.Aliases...)
		}
		if name == "gpt2" || name == "x_t5" { // shared weights have several names, in any order
			slices.Sort(want)
			slices.Sort(got)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: parameters\n%v, want\n%v", name, got, want)
		}
	}
}

// TestGoldenGradients compares the loss and every gradient on the first batch. The tolerance is 1e-6 of the loss and 1e-4
// of the largest element of a gradient; the reference's own float32 and float64 runs differ by half of that.
func TestGoldenGradients(t *testing.T) {
	onEverySet(t, func(t *testing.T) {
		for name := range goldenModels {
			t.Run(name, func(t *testing.T) { openGolden(t, name).compareGradients(t) })
		}
	})
}

func (g *golden) compareGradients(t *testing.T) {
	l := g.start(t, "fp32")
	loss := g.run(t, l, 0)
	if want := g.expected.Batch0TotalLoss; math.Abs(loss-want) > 1e-6*want {
		t.Errorf("loss %v, want %v", loss, want)
	}
	want, gradients := npz.Read(t, filepath.Join(g.folder, "grads.npz")), l.gradients(t)
	for _, p := range g.model.Program.Parameters {
		array, ok := want[p.Name]
		if p.Frozen {
			continue
		}
		if !ok {
			t.Errorf("%s has no golden gradient", p.Name)
			continue
		}
		gradient, got := array.Data, gradients[p.Offset:][:p.Shape.Elements()]
		largest := 0.0
		for _, v := range gradient {
			largest = max(largest, math.Abs(float64(v)))
		}
		tolerance := 1e-4 * largest
		if strings.HasSuffix(p.Name, "_attn.linear_layers.1.bias") {
			tolerance = 1e-7 // the true gradient of a key's bias is 0
		}
		compare(t, p.Name, got, gradient, tolerance)
	}
}

// compare reports the element of a tensor with the largest error, if that exceeds tolerance.
func compare(t *testing.T, name string, got, want []float32, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s has %d elements, want %d", name, len(got), len(want))
		return
	}
	worst, at := 0.0, 0
	for i := range want {
		if d := math.Abs(float64(got[i]) - float64(want[i])); d > worst || math.IsNaN(d) {
			worst, at = d, i
		}
	}
	if !(worst <= tolerance) {
		t.Errorf("%s[%d] is %v, want %v: off by %.3g, tolerance %.3g", name, at, got[at], want[at], worst, tolerance)
	}
}
