package huggingface

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"uer/internal/config"
	"uer/internal/console"
)

// Config is a config.json, as far as it concerns the models here. GPT-2 has names of its own.
type Config struct {
	Architectures    []string `json:"architectures,omitempty"`
	ModelType        string   `json:"model_type"`
	VocabularySize   int      `json:"vocab_size"`
	EmbeddingSize    int      `json:"embedding_size,omitempty"` // ALBERT
	HiddenSize       int      `json:"hidden_size,omitempty"`
	IntermediateSize int      `json:"intermediate_size,omitempty"`
	Layers           int      `json:"num_hidden_layers,omitempty"`
	Heads            int      `json:"num_attention_heads,omitempty"`
	Activation       string   `json:"hidden_act,omitempty"`
	Positions        int      `json:"max_position_embeddings,omitempty"`
	SegmentTypes     int      `json:"type_vocab_size,omitempty"`
	NormEpsilon      float64  `json:"layer_norm_eps,omitempty"`
	HiddenDropout    *float64 `json:"hidden_dropout_prob,omitempty"`
	AttentionDropout *float64 `json:"attention_probs_dropout_prob,omitempty"`
	Groups           int      `json:"num_hidden_groups,omitempty"` // ALBERT
	InnerGroups      int      `json:"inner_group_num,omitempty"`   // ALBERT

	Width           int      `json:"n_embd,omitempty"`
	InnerWidth      int      `json:"n_inner,omitempty"`
	LayersGPT2      int      `json:"n_layer,omitempty"`
	HeadsGPT2       int      `json:"n_head,omitempty"`
	PositionsGPT2   int      `json:"n_positions,omitempty"`
	ActivationGPT2  string   `json:"activation_function,omitempty"`
	EpsilonGPT2     float64  `json:"layer_norm_epsilon,omitempty"`
	ResidualDropout *float64 `json:"resid_pdrop,omitempty"`
	EmbedDropout    *float64 `json:"embd_pdrop,omitempty"`
	AttnDropout     *float64 `json:"attn_pdrop,omitempty"`

	Initializer  float64 `json:"initializer_range,omitempty"`
	Tied         *bool   `json:"tie_word_embeddings,omitempty"`
	PositionType string  `json:"position_embedding_type,omitempty"`
	Padding      *int32  `json:"pad_token_id,omitempty"`
	Decoder      bool    `json:"is_decoder,omitempty"`
	ScaleLayers  bool    `json:"scale_attn_by_inverse_layer_idx,omitempty"` // GPT-2
	Scale        *bool   `json:"scale_attn_weights,omitempty"`              // GPT-2
	Begin        *int32  `json:"bos_token_id,omitempty"`
	End          *int32  `json:"eos_token_id,omitempty"`
	Type         string  `json:"torch_dtype,omitempty"`
	Version      string  `json:"transformers_version,omitempty"`
}

// ReadConfig reads a config.json.
func ReadConfig(path string) (*Config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	c := new(Config)
	if err := json.Unmarshal(data, c); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// activations are the names there of the activations here.
var activations = map[string]string{
	"gelu": "gelu", "gelu_new": "gelu_fast", "gelu_fast": "gelu_fast", "gelu_pytorch_tanh": "gelu_fast", "relu": "relu",
	"silu": "silu", "swish": "silu", "linear": "linear",
}

// Kind returns the architecture of tensors that look like those of kind: without their heads, those of RoBERTa look like
// BERT's. The configuration may be nil.
func (c *Config) Kind(kind string) string {
	isRoBERTa := c != nil && (c.ModelType == RoBERTa || c.ModelType == "xlm-roberta")
	if isRoBERTa && kind != ALBERT && kind != GPT2 {
		return RoBERTa
	}
	return kind
}

// Model returns the settings of the model here that computes the same, apart from those of training.
func (c *Config) Model() (config.Model, error) {
	kind := c.Kind(c.ModelType)
	if titles[kind] == "" {
		return config.Model{}, console.Hint(fmt.Errorf("model_type %q is not supported", c.ModelType),
			"BERT, RoBERTa, ALBERT and GPT-2 are")
	}
	m := config.Model{
		EmbeddingSize: c.HiddenSize, HiddenSize: c.HiddenSize, FeedForwardSize: c.IntermediateSize, LayersNumber: c.Layers,
		HeadsNumber: c.Heads, MaxSequenceLength: c.Positions, HiddenActivation: activations[c.Activation],
		Embedding: "word_pos_seg", Encoder: "transformer", Mask: "fully_visible", LayerNormPositioning: "post",
		FeedForward: "dense", LayerNorm: "standard", LayerNormEpsilon: cmp.Or(c.NormEpsilon, 1e-12), Target: "mlm",
	}
	activation := c.Activation
	switch kind {
	case RoBERTa:
		m.MaxSequenceLength -= c.paddingRows()
	case ALBERT:
		if c.Groups > 1 || c.InnerGroups > 1 {
			return m, fmt.Errorf("num_hidden_groups %d, inner_group_num %d: layers that share parameters in groups are not supported",
				c.Groups, c.InnerGroups)
		}
		m.EmbeddingSize = cmp.Or(c.EmbeddingSize, 128)
		m.FactorizedEmbeddingParameterization, m.ParameterSharing, m.Target = true, true, "albert"
	case GPT2:
		m.EmbeddingSize, m.HiddenSize, m.FeedForwardSize = c.Width, c.Width, cmp.Or(c.InnerWidth, 4*c.Width)
		m.LayersNumber, m.HeadsNumber, m.MaxSequenceLength = c.LayersGPT2, c.HeadsGPT2, c.PositionsGPT2
		activation = cmp.Or(c.ActivationGPT2, "gelu_new")
		m.HiddenActivation, m.LayerNormEpsilon = activations[activation], cmp.Or(c.EpsilonGPT2, 1e-5)
		m.Embedding, m.Mask, m.LayerNormPositioning, m.Target = "word_pos", "causal", "pre", "lm"
		m.RemoveEmbeddingLayerNorm, m.TieWeights = true, c.Tied == nil || *c.Tied
	}
	switch {
	case m.HiddenActivation == "":
		return m, fmt.Errorf("activation %q is not supported", activation)
	case c.PositionType != "" && c.PositionType != "absolute":
		return m, fmt.Errorf("position_embedding_type %q is not supported", c.PositionType)
	case c.Decoder:
		return m, errors.New("is_decoder is not supported: the tokens of such a model do not see what follows them")
	case c.ScaleLayers:
		return m, errors.New("scale_attn_by_inverse_layer_idx is not supported")
	case c.Scale != nil && !*c.Scale:
		return m, errors.New("scale_attn_weights false is not supported")
	case m.HiddenSize < 1 || m.LayersNumber < 1 || m.HeadsNumber < 1 || m.HiddenSize%m.HeadsNumber != 0:
		return m, fmt.Errorf("%d layers of width %d with %d heads", m.LayersNumber, m.HiddenSize, m.HeadsNumber)
	}
	return m, nil
}

// Check compares a configuration with the settings of a model that is to start from its weights, as far as the shapes of
// tensors do not tell: another number of heads or another activation would compute something else from the same weights.
func (c *Config) Check(m config.Model) error {
	want, err := c.Model()
	if err != nil {
		return err
	}
	type setting struct {
		flag       string
		file, here any
	}
	for _, s := range []setting{
		{"heads_num", want.HeadsNumber, m.HeadsNumber},
		{"hidden_act", want.HiddenActivation, m.HiddenActivation},
		{"layernorm_positioning", want.LayerNormPositioning, m.LayerNormPositioning},
		{"parameter_sharing", want.ParameterSharing, m.ParameterSharing},
	} {
		if s.file != s.here {
			hint := fmt.Sprintf("pass --%s %v", s.flag, s.file)
			if s.file == true {
				hint = "pass --" + s.flag
			}
			return console.Hint(fmt.Errorf("its %s is %v, not %v", s.flag, s.file, s.here), hint)
		}
	}
	return nil
}
