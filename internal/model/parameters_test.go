package model

import (
	"testing"

	"uer/internal/config"
)

// TestParameterCounts builds the recipes at full size, with the 21128 tokens of Google's Chinese vocabulary, and compares
// their parameters with UER-py's. Nothing is allocated.
func TestParameterCounts(t *testing.T) {
	transformer := func(target string) config.Model {
		return config.Model{
			Embedding: "word_pos_seg", Encoder: "transformer", Mask: "fully_visible", Target: target,
			LayerNormPositioning: "post", FeedForward: "dense", LayerNorm: "normal",
		}
	}
	albert := transformer("albert")
	albert.FactorizedEmbeddingParameterization, albert.ParameterSharing = true, true
	gpt := transformer("lm")
	gpt.Embedding, gpt.Mask = "word_pos", "causal"
	gpt2 := gpt
	gpt2.TieWeights, gpt2.RemoveEmbeddingLayerNorm, gpt2.LayerNormPositioning = true, true, "pre"
	other := func(encoder, target string) config.Model {
		return config.Model{Embedding: "word", Encoder: encoder, Target: target}
	}
	for _, test := range []struct {
		recipe, file string
		model        config.Model
		want         int
	}{
		{"RoBERTa and SpanBERT", "bert/base_config.json", transformer("mlm"), 118_517_384},
		{"BERT", "bert/base_config.json", transformer("bert"), 119_109_514},
		{"ALBERT base", "albert_base_config.json", albert, 13_373_834},
		{"ALBERT large", "albert_large_config.json", albert, 19_407_498},
		{"ALBERT xlarge", "albert_xlarge_config.json", albert, 60_581_514},
		{"ALBERT xxlarge", "albert_xxlarge_config.json", albert, 224_718_474},
		{"GPT", "bert_base_config.json", gpt, 117_901_824},
		{"GPT-2", "bert_base_config.json", gpt2, 101_675_520},
		{"ELMo", "birnn_config.json", other("bilstm", "bilm"), 44_370_944},
		{"LSTM", "rnn_config.json", other("lstm", "lm"), 25_838_592},
		{"GRU", "rnn_config.json", other("gru", "lm"), 24_787_968},
		{"GatedCNN", "gatedcnn_9_config.json", other("gatedcnn", "lm"), 62_290_292},
	} {
		m := test.model
		readSizes(t, "../../models/"+test.file, &m)
		made, err := New(m, 21128, Limits{Sequences: 1, Length: 2})
		if err != nil {
			t.Errorf("%s: %v", test.recipe, err)
			continue
		}
		if got := made.Program.Trained(); got != test.want {
			t.Errorf("%s has %d parameters, want %d", test.recipe, got, test.want)
		}
	}
}

// readSizes reads the sizes in a configuration file.
func readSizes(t *testing.T, path string, m *config.Model) {
	t.Helper()
	sizes := struct {
		EmbeddingSize     int     `json:"emb_size"`
		FeedForwardSize   int     `json:"feedforward_size"`
		HiddenSize        int     `json:"hidden_size"`
		HiddenActivation  string  `json:"hidden_act"`
		HeadsNumber       int     `json:"heads_num"`
		LayersNumber      int     `json:"layers_num"`
		MaxSequenceLength int     `json:"max_seq_length"`
		KernelSize        int     `json:"kernel_size"`
		BlockSize         int     `json:"block_size"`
		Dropout           float64 `json:"dropout"`
	}{MaxSequenceLength: 512}
	readJSON(t, path, &sizes)
	m.EmbeddingSize, m.HiddenSize, m.FeedForwardSize = sizes.EmbeddingSize, sizes.HiddenSize, sizes.FeedForwardSize
	m.HiddenActivation, m.HeadsNumber, m.LayersNumber = sizes.HiddenActivation, sizes.HeadsNumber, sizes.LayersNumber
	m.MaxSequenceLength, m.KernelSize, m.BlockSize = sizes.MaxSequenceLength, sizes.KernelSize, sizes.BlockSize
	m.Dropout = sizes.Dropout
}
