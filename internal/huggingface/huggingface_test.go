package huggingface

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"uer/internal/config"
	"uer/internal/statedict"
	"uer/internal/vocab"
)

const vocabulary, positions, emb, hidden, inner, layers = 11, 7, 4, 6, 10, 12

// models are the settings of a model for each architecture.
var models = map[string]config.Model{
	BERT:   sized(config.Model{Target: "bert", Embedding: "word_pos_seg", Mask: "fully_visible", LayerNormPositioning: "post", EmbeddingSize: hidden}),
	ALBERT: sized(config.Model{Target: "albert", Embedding: "word_pos_seg", Mask: "fully_visible", LayerNormPositioning: "post", EmbeddingSize: emb, FactorizedEmbeddingParameterization: true, ParameterSharing: true}),
	GPT2:   sized(config.Model{Target: "lm", Embedding: "word_pos", Mask: "causal", LayerNormPositioning: "pre", EmbeddingSize: hidden, RemoveEmbeddingLayerNorm: true}),
}

func sized(m config.Model) config.Model {
	m.Encoder, m.FeedForward, m.LayerNorm, m.HiddenActivation = "transformer", "dense", "standard", "gelu"
	m.HiddenSize, m.FeedForwardSize, m.LayersNumber, m.HeadsNumber, m.MaxSequenceLength = hidden, inner, layers, 2, positions
	return m
}

// shape returns the shape of a tensor of ours.
func shape(m config.Model, name string) []int {
	in, out := hidden, hidden
	switch {
	case strings.Contains(name, "word_embedding"), strings.Contains(name, "mlm_linear_2"), strings.Contains(name, "output_layer"):
		in, out = m.EmbeddingSize, vocabulary
	case strings.Contains(name, "position_embedding"):
		in, out = m.EmbeddingSize, positions
	case strings.Contains(name, "segment_embedding"):
		in, out = m.EmbeddingSize, 3
	case strings.HasPrefix(name, "encoder.linear"):
		in = m.EmbeddingSize
	case strings.Contains(name, "mlm_linear_1"):
		out = m.EmbeddingSize
	case strings.Contains(name, "feed_forward.linear_1"):
		out = inner
	case strings.Contains(name, "feed_forward.linear_2"):
		in = inner
	case strings.Contains(name, "p_linear_2"):
		out = 2
	case name == "embedding.layer_norm.gamma", name == "embedding.layer_norm.beta", strings.HasPrefix(name, "target.layer_norm"):
		out = m.EmbeddingSize
	}
	if strings.HasSuffix(name, ".weight") {
		return []int{out, in}
	}
	return []int{out}
}

// ourTensors makes random tensors with all names of a model.
func ourTensors(kind string, m config.Model) []statedict.Tensor {
	random := rand.New(rand.NewPCG(1, 2))
	var tensors []statedict.Tensor
	for _, name := range wanted(kind, m) {
		names := []string{name}
		if before, suffix, ok := strings.Cut(name, ".linear_layers."); ok && kind == GPT2 {
			names = nil
			for _, i := range []string{"0", "1", "2"} {
				names = append(names, before+".linear_layers."+i+"."+suffix)
			}
		}
		for _, name := range names {
			t := statedict.Tensor{Name: name, Shape: shape(m, name)}
			count := 1
			for _, n := range t.Shape {
				count *= n
			}
			for range count {
				t.Data = append(t.Data, random.Float32())
			}
			if name == "embedding.segment_embedding.weight" {
				clear(t.Data[:t.Shape[1]]) // the row of padding, which they do not have
			}
			tensors = append(tensors, t)
		}
	}
	return tensors
}

// TestThereAndBack translates each architecture and back. Twelve layers have numbers of two digits.
func TestThereAndBack(t *testing.T) {
	for kind, m := range models {
		tensors := ourTensors(kind, m)
		theirs, c, err := FromUER(m, tensors)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, t := range theirs {
			names = append(names, t.Name)
		}
		if got := Recognize(names); got != kind {
			t.Errorf("%s is taken for %q", kind, got)
		}
		if back, err := c.Model(); err != nil || back.HiddenSize != hidden || back.HeadsNumber != 2 || back.LayersNumber != layers ||
			back.FeedForwardSize != inner || back.MaxSequenceLength != positions || back.NormEpsilon() != m.NormEpsilon() {
			t.Errorf("%s: settings %+v, %v", kind, back, err)
		}
		if err := c.Check(m); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		other := m
		other.HeadsNumber = 3
		if err := c.Check(other); err == nil || !strings.Contains(err.Error(), "its heads_num is 2, not 3") {
			t.Errorf("%s: error %v", kind, err)
		}
		again, err := ToUER(kind, c, theirs)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range tensors {
			i := slices.IndexFunc(again, func(g statedict.Tensor) bool { return g.Name == want.Name })
			if i < 0 || !slices.Equal(again[i].Shape, want.Shape) || !slices.Equal(again[i].Data, want.Data) {
				t.Errorf("%s: %s did not come back", kind, want.Name)
			}
		}
		if len(again) != len(tensors) {
			t.Errorf("%s: %d tensors, want %d", kind, len(again), len(tensors))
		}
	}
}

// TestOldAndBareFiles: norms called gamma and beta, a base model without prefix and heads, an output layer that is left out.
func TestOldAndBareFiles(t *testing.T) {
	theirs, _, err := FromUER(models[BERT], ourTensors(BERT, models[BERT]))
	if err != nil {
		t.Fatal(err)
	}
	var bare, tied []statedict.Tensor
	for _, tensor := range theirs {
		if !strings.HasSuffix(tensor.Name, "decoder.weight") {
			tied = append(tied, tensor)
		}
		if rest, ok := strings.CutPrefix(tensor.Name, "bert."); ok {
			rest = strings.Replace(strings.Replace(rest, "LayerNorm.weight", "LayerNorm.gamma", 1), "LayerNorm.bias", "LayerNorm.beta", 1)
			tensor.Name = rest
			bare = append(bare, tensor)
		}
	}
	find := func(tensors []statedict.Tensor, name string) *statedict.Tensor {
		for i := range tensors {
			if tensors[i].Name == name {
				return &tensors[i]
			}
		}
		t.Fatalf("no %s", name)
		return nil
	}
	ours, err := ToUER(BERT, nil, bare)
	if err != nil {
		t.Fatal(err)
	}
	find(ours, "encoder.transformer.11.layer_norm_2.gamma")
	find(ours, "target.nsp_linear_1.weight")
	if ours, err = ToUER(BERT, nil, tied); err != nil {
		t.Fatal(err)
	}
	if word, output := find(ours, "embedding.word_embedding.weight"), find(ours, "target.mlm_linear_2.weight"); &word.Data[0] != &output.Data[0] {
		t.Error("the output layer is not the word table")
	}
}

// TestRoBERTa: positions count on from the id of padding, a model without heads looks like BERT, and of two biases of the output
// layer the one that is computed with counts.
func TestRoBERTa(t *testing.T) {
	padding := int32(0)
	theirs := []statedict.Tensor{
		{Name: "embeddings.word_embeddings.weight", Shape: []int{1, 1}, Data: []float32{0}},
		{Name: "embeddings.position_embeddings.weight", Shape: []int{4, 1}, Data: []float32{1, 2, 3, 4}},
		{Name: "lm_head.bias", Shape: []int{1}, Data: []float32{5}}, {Name: "lm_head.decoder.bias", Shape: []int{1}, Data: []float32{6}},
	}
	for _, test := range []struct {
		config    *Config
		positions []float32
	}{
		{&Config{ModelType: "xlm-roberta", Positions: 4}, []float32{3, 4}},
		{&Config{ModelType: RoBERTa, Positions: 4, Padding: &padding}, []float32{2, 3, 4}},
		{nil, []float32{1, 2, 3, 4}},
	} {
		c := test.config
		kind := c.Kind(BERT)
		ours, err := ToUER(kind, c, theirs)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(ours[1].Data, test.positions) {
			t.Errorf("%+v: positions %v, want %v", c, ours[1].Data, test.positions)
		}
		if c == nil {
			continue
		}
		if bias := ours[2]; len(ours) != 3 || bias.Name != "target.mlm_linear_2.bias" || bias.Data[0] != 6 {
			t.Errorf("the bias is %+v", bias)
		}
		c.HiddenSize, c.Layers, c.Heads, c.Activation = 2, 1, 1, "gelu"
		if m, err := c.Model(); err != nil || m.MaxSequenceLength != len(test.positions) {
			t.Errorf("%d positions, error %v", m.MaxSequenceLength, err)
		}
	}
}

// TestRefusedConfigurations: what the models here do not compute.
func TestRefusedConfigurations(t *testing.T) {
	for text, want := range map[string]string{
		`{"model_type": "bert", "is_decoder": true`:                                   "is_decoder is not supported",
		`{"model_type": "gpt2", "n_embd": 2, "scale_attn_by_inverse_layer_idx": true`: "scale_attn_by_inverse_layer_idx is not supported",
		`{"model_type": "gpt2", "n_embd": 2, "scale_attn_weights": false`:             "scale_attn_weights false is not supported",
		`{"model_type": "bert", "position_embedding_type": "relative_key"`:            "position_embedding_type \"relative_key\" is not supported",
		`{"model_type": "t5"`: "model_type \"t5\" is not supported",
	} {
		c := new(Config)
		text += `, "hidden_act": "gelu", "hidden_size": 2, "num_hidden_layers": 1, "num_attention_heads": 1}`
		if err := json.Unmarshal([]byte(text), c); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Model(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v", text, err)
		}
	}
}

// TestRefusedModels: what no architecture there computes.
func TestRefusedModels(t *testing.T) {
	for want, change := range map[string]func(m *config.Model){
		"encoder lstm":               func(m *config.Model) { m.Encoder = "lstm" },
		"layernorm_positioning pre":  func(m *config.Model) { m.LayerNormPositioning = "pre" },
		"layernorm t5":               func(m *config.Model) { m.LayerNorm = "t5" },
		"feed_forward gated":         func(m *config.Model) { m.FeedForward = "gated" },
		"target cls":                 func(m *config.Model) { m.Target = "cls" },
		"remove_transformer_bias":    func(m *config.Model) { m.RemoveTransformerBias = true },
		"2 heads of 4 in a width of": func(m *config.Model) { m.AttentionHeadSize = 4 },
	} {
		m := models[BERT]
		change(&m)
		if _, err := Kind(m); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v", want, err)
		}
	}
}

// TestShards reads an index, and refuses one that leads out of the folder.
func TestShards(t *testing.T) {
	folder := t.TempDir()
	for index, want := range map[string]string{
		`{"weight_map": {"a": "model-2.safetensors", "b": "model-1.safetensors", "c": "model-2.safetensors"}}`: "",
		`{"weight_map": {"a": "../model.safetensors"}}`:                                                        "is not the name of a file beside it",
		`{"weight_map": {}}`: "it lists no files",
		`{`:                  "unexpected end",
	} {
		if err := os.WriteFile(filepath.Join(folder, "model.safetensors.index.json"), []byte(index), 0o600); err != nil {
			t.Fatal(err)
		}
		paths, err := WeightFiles(folder)
		if want == "" {
			if err != nil || len(paths) != 2 || filepath.Base(paths[0]) != "model-1.safetensors" {
				t.Errorf("%v, %v", paths, err)
			}
		} else if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

// TestSymbolsOfUsers: what the user of SentencePiece has defined is a piece that always wins in a unigram model, and an added
// token of byte pairs, which divides text in another way.
func TestSymbolsOfUsers(t *testing.T) {
	piece := func(text string, kind byte) string {
		return string([]byte{0x0a, byte(len(text) + 4), 0x0a, byte(len(text))}) + text + string([]byte{0x18, kind})
	}
	pieces := piece("<unk>", 2) + piece("<s>", 3) + piece("</s>", 3) + piece("a", 1) + piece("<b>", 4) + piece("a c", 4)
	for algorithm, want := range map[byte]struct {
		added  int
		score  float32
		remark string
	}{
		1: {3, -0.1, ""},
		2: {4, 0, `text is split in another way after symbols that the user of SentencePiece has defined, such as "<b>"`},
	} {
		v, err := vocab.New("model", []string{"<unk>", "<s>", "</s>", "a", "<b>", "a c"}, vocab.Special{})
		if err != nil {
			t.Fatal(err)
		}
		written, err := SentencePiece(v, []byte(pieces+string([]byte{0x12, 2, 0x18, algorithm})))
		if err != nil {
			t.Fatal(err)
		}
		description := written.Description.(object)
		if added := description["added_tokens"].([]object); len(added) != want.added || written.Remark != want.remark {
			t.Errorf("algorithm %d: %d added tokens, remark %q", algorithm, len(added), written.Remark)
		}
		if algorithm == 1 {
			if entry := description["model"].(object)["vocab"].([][2]any)[4]; entry != [2]any{"<b>", want.score} {
				t.Errorf("the symbol is the piece %v", entry)
			}
		}
	}
}
