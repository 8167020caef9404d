package checkpoint

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"uer/internal/config"
	"uer/internal/exchange"
	"uer/internal/model"
)

// versions returns the names of the tensors that models of UER-py and TencentPretrain have, by commit and target, without
// most of the encoder's, which never changed.
func versions(t *testing.T) map[string]map[string][]string {
	t.Helper()
	data, err := os.ReadFile("testdata/names.json")
	if err != nil {
		t.Fatal(err)
	}
	var names map[string]map[string][]string
	if err := json.Unmarshal(data, &names); err != nil {
		t.Fatal(err)
	}
	return names
}

// modelFor returns the model whose names testdata/names.json holds.
func modelFor(t *testing.T, target string) *model.Model {
	t.Helper()
	m := config.Model{
		Target: target, Embedding: "word_pos_seg", Encoder: "transformer", Mask: "fully_visible",
		EmbeddingSize: 4, HiddenSize: 4, FeedForwardSize: 4, HeadsNumber: 2, LayersNumber: 2, MaxSequenceLength: 4,
		HiddenActivation: "gelu", LayerNorm: "normal", LayerNormPositioning: "post", FeedForward: "dense",
	}
	switch target {
	case "albert":
		m.EmbeddingSize, m.FactorizedEmbeddingParameterization, m.ParameterSharing = 2, true, true
	case "lm":
		m.Embedding, m.Mask = "word_pos", "causal"
	case "bilm":
		m.Embedding, m.Encoder = "word", "bilstm"
	case "cls":
		m.LabelsNumber, m.Pooling = 2, "first"
	case "prefixlm":
		m.Mask = "causal_with_prefix"
	case "seq2seq":
		m.Embedding, m.TargetEmbedding, m.Decoder = "word_pos", "word_pos", "transformer"
	case "t5":
		m.Embedding, m.TargetEmbedding, m.RelativePositionEmbedding, m.RemoveEmbeddingLayerNorm = "word", "word", true, true
		m.RemoveTransformerBias, m.LayerNorm, m.LayerNormPositioning, m.FeedForward = true, "t5", "pre", "gated"
		m.TieWeights, m.Decoder, m.RelativeAttentionBucketsNumber = true, "transformer", 32
	}
	built, err := model.New(m, 7, model.Limits{Sequences: 1, Length: 4, Output: 4})
	if err != nil {
		t.Fatal(err)
	}
	return built
}

// TestEveryVersionFindsItsTensors loads checkpoints as the programs do, which say nothing about what they miss: they look
// for each of their tensors by its name.
func TestEveryVersionFindsItsTensors(t *testing.T) {
	for version, targets := range versions(t) {
		for target, wanted := range targets {
			program := modelFor(t, target).Program
			saved := map[string]bool{}
			for _, p := range program.Parameters {
				for _, name := range (exchange.Naming{Target: target}).Of(p, &program.Layout) {
					if saved[name] {
						t.Errorf("%s: %s is the name of two parameters", target, name)
					}
					saved[name] = true
				}
			}
			for _, name := range wanted {
				if !saved[name] {
					t.Errorf("%s, %s: would start at random: %s", version, target, name)
				}
			}
		}
	}
}

// TestNamesOfOneVersion narrows the names: each tensor then has one, that of the version.
func TestNamesOfOneVersion(t *testing.T) {
	years := map[string]string{
		"UER-py ed0a7a9": "2021", "UER-py 8a31d30": "2022", "UER-py 5743050": "2023", "TencentPretrain 28c4135": "2023",
	}
	for version, targets := range versions(t) {
		for target, wanted := range targets {
			if years[version] == "" {
				continue
			}
			program := modelFor(t, target).Program
			var saved []string
			for _, p := range program.Parameters {
				saved = append(saved, exchange.Naming{Versions: years[version], Target: target}.Of(p, &program.Layout)...)
			}
			for _, name := range saved {
				other := strings.HasPrefix(name, "encoder.") || strings.Contains(name, "transformer_decoder")
				if !other && !slices.Contains(wanted, name) {
					t.Errorf("%s, %s: %s is not a name of that version", version, target, name)
				}
			}
		}
	}
}

// TestLoadNamesOfEveryVersion reads each version's names back.
func TestLoadNamesOfEveryVersion(t *testing.T) {
	for _, year := range exchange.NameChoices {
		for _, target := range slices.Sorted(maps.Keys(versions(t)["UER-py ed0a7a9"])) {
			program := modelFor(t, target).Program
			values := make([]float32, program.ParameterSize)
			for i := range values {
				values[i] = float32(i%1021) / 8
			}
			saved, err := Save(t.TempDir()+"/m.bin", 1, exchange.Naming{Versions: year, Target: target}, &program.Layout, &buffers{parameters: values}, nil, false)
			if err != nil {
				t.Fatal(err)
			}
			loaded := make([]float32, program.ParameterSize)
			match, err := Load(saved.Path, program, loaded)
			if err != nil || len(match.Missing) > 0 || len(match.Unused) > 0 {
				t.Errorf("%s, %s: %+v, %v", year, target, match, err)
			}
			for _, p := range program.Parameters {
				if end := p.Offset + p.Shape.Elements(); !slices.Equal(loaded[p.Offset:end], values[p.Offset:end]) {
					t.Errorf("%s, %s: %s differs", year, target, p.Name)
				}
			}
		}
	}
}
