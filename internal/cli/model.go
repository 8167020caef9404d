package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"uer/internal/config"
	"uer/internal/console"
	"uer/internal/embedding"
	"uer/internal/encoder"
	"uer/internal/layer"
	"uer/internal/target"
)

// addModelFlags adds the settings that say how a model is built. The sizes have no default: they come from the
// configuration file.
func addModelFlags(flags *pflag.FlagSet, m *config.Model) {
	model := config.NewGroup(flags, "Model")
	model.Choice(&m.Embedding, "embedding", "word_pos_seg", names(embedding.ByName), "embedding")
	model.Choice(&m.TargetEmbedding, "tgt_embedding", "word_pos_seg", names(embedding.ByName), "the decoder's embedding")
	model.Choice(&m.Encoder, "encoder", "transformer", names(encoder.ByName), "encoder")
	model.Choice(&m.Mask, "mask", "fully_visible", masks, "which tokens a token sees")
	model.Choice(&m.Target, "target", "bert", names(target.ByName), "what the model learns")
	model.Choice(&m.Pooling, "pooling", "first", poolings, "what cls makes of the tokens of a text")
	model.Int(&m.LabelsNumber, "labels_num", 0, 1, "number of labels of cls")
	model.Float(&m.Dropout, "dropout", 0.1, 0, 1, "share of activations set to zero")
	model.Int(&m.MaxSequenceLength, "max_seq_length", 512, 1, "rows of the position table")
	addSizeFlags(model, m)
	addVariantFlags(model, m)
}

func addSizeFlags(model config.Group, m *config.Model) {
	model.Int(&m.EmbeddingSize, "emb_size", 0, 1, "width of the embedding")
	model.Int(&m.HiddenSize, "hidden_size", 0, 1, "width of the encoder")
	model.Int(&m.FeedForwardSize, "feedforward_size", 0, 1, "width of the feed-forward layers")
	model.Int(&m.HeadsNumber, "heads_num", 0, 1, "attention heads")
	model.Int(&m.AttentionHeadSize, "attention_head_size", 0, 1, "width of a head; hidden_size / heads_num by default")
	model.Int(&m.LayersNumber, "layers_num", 0, 1, "layers of the encoder")
	model.Choice(&m.HiddenActivation, "hidden_act", "", names(layer.Activations), "activation of the feed-forward layers")
}

func addVariantFlags(model config.Group, m *config.Model) {
	model.Choice(&m.LayerNormPositioning, "layernorm_positioning", "post", []string{"pre", "post"},
		"normalise before or after attention and feed-forward")
	model.Choice(&m.LayerNorm, "layernorm", "normal", []string{"normal", "t5"}, "normalisation in the transformer")
	model.Choice(&m.FeedForward, "feed_forward", "dense", []string{"dense", "gated"}, "feed-forward layers")
	model.Bool(&m.RelativePositionEmbedding, "relative_position_embedding", "bias attention by distance (T5)")
	model.Int(&m.RelativeAttentionBucketsNumber, "relative_attention_buckets_num", 32, 4, "distances told apart")
	model.Bool(&m.RemoveEmbeddingLayerNorm, "remove_embedding_layernorm", "no normalisation after the embedding (GPT-2)")
	model.Bool(&m.RemoveAttentionScale, "remove_attention_scale", "do not divide scores by the root of the head size (T5)")
	model.Bool(&m.RemoveTransformerBias, "remove_transformer_bias", "no biases in the transformer's linear maps (T5)")
	model.Bool(&m.FactorizedEmbeddingParameterization, "factorized_embedding_parameterization",
		"map emb_size to hidden_size and back (ALBERT)")
	model.Bool(&m.ParameterSharing, "parameter_sharing", "one set of parameters for all layers (ALBERT)")
	model.Bool(&m.ShareEmbedding, "share_embedding", "one word table for encoder and decoder (T5)")
	model.Bool(&m.TieWeights, "tie_weights", "use the word table as the output layer (GPT-2)")
	model.Bool(&m.HasLMTargetBias, "has_lmtarget_bias", "a bias in the output layer of lm")
	model.Bool(&m.KeepPadding, "keep_padding", "process padding, where it changes the result, as UER-py does")
}

// checkModel says which of the sizes is missing, and where to get it from.
func checkModel(m *config.Model, configPath string) error {
	var missing []string
	for _, setting := range []struct {
		name string
		set  bool
	}{
		{"emb_size", m.EmbeddingSize > 0},
		{"hidden_size", m.HiddenSize > 0},
		{"feedforward_size", m.FeedForwardSize > 0},
		{"heads_num", m.HeadsNumber > 0},
		{"layers_num", m.LayersNumber > 0},
		{"hidden_act", m.HiddenActivation != ""},
	} {
		if !setting.set {
			missing = append(missing, setting.name)
		}
	}
	if missing != nil {
		source := configPath + ": "
		if configPath == "" {
			source = "no configuration file: "
		}
		return console.Hint(fmt.Errorf("%smissing %s, which the %s encoder needs",
			source, strings.Join(missing, ", "), m.Encoder),
			"name a file with --config_path, such as models/bert/base_config.json, or pass --"+missing[0])
	}
	return nil
}
