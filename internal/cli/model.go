package cli

import (
	"github.com/spf13/pflag"

	"uer/internal/config"
	"uer/internal/embedding"
	"uer/internal/encoder"
	"uer/internal/layer"
	"uer/internal/registry"
	"uer/internal/target"
)

// The largest sizes of a model: far above those of any that was trained, and such that 64 bits count the bytes of its
// parameters, so that a slip of the keyboard is refused for what it is, and not for what follows from it.
const (
	maxWidth  = 1 << 20 // of a layer
	maxLayers = 1 << 10
	maxHeads  = 1 << 12 // and the width of one
	maxKernel = 1 << 8
	maxRows   = 1 << 24 // of a table, such as that of positions
)

// addModelFlags adds the settings of a model. The sizes have no defaults: usually a configuration file sets them.
func addModelFlags(flags *pflag.FlagSet, o *pretrainOptions) {
	m, embeddings := &o.Model, registry.Names(embedding.ByName)
	model := config.NewGroup(flags, "Model")
	model.Words(&m.Embedding, "embedding", "word_pos_seg", embeddings, config.NewerEmbeddings,
		"embedding (word pos seg means word_pos_seg)")
	model.Words(&m.TargetEmbedding, "tgt_embedding", "word_pos_seg", embeddings, config.NewerEmbeddings,
		"embedding of the decoder")
	model.Choice(&m.Encoder, "encoder", "transformer", registry.Names(encoder.ByName), "encoder")
	model.Choice(&m.Decoder, "decoder", "transformer", []string{"transformer"}, "decoder of seq2seq and t5")
	model.Choice(&m.Mask, "mask", "fully_visible", registry.Names(encoder.Masks), "which tokens a token can attend to")
	o.Target.addFlags(model, "pre-training target (mlm sp means bert)")
	model.Choice(&m.Pooling, "pooling", "first", registry.Names(target.Poolings), "how cls reduces a text to one vector")
	model.IntTo(&m.LabelsNumber, "labels_num", 0, 1, maxRows, "number of labels of cls")
	model.Float(&m.Dropout, "dropout", 0.1, 0, 1, "dropout probability")
	model.IntTo(&m.MaxSequenceLength, "max_seq_length", 512, 1, maxRows, "number of positions in the position table")
	addSizeFlags(model, m)
	addVariantFlags(model, m)
}

func addSizeFlags(model config.Group, m *config.Model) {
	model.IntTo(&m.EmbeddingSize, "emb_size", 0, 1, maxWidth, "width of the embedding")
	model.IntTo(&m.HiddenSize, "hidden_size", 0, 1, maxWidth, "width of the encoder")
	model.IntTo(&m.FeedForwardSize, "feedforward_size", 0, 1, maxWidth, "width of the feed-forward layers")
	model.IntTo(&m.HeadsNumber, "heads_num", 0, 1, maxHeads, "number of attention heads")
	model.IntTo(&m.AttentionHeadSize, "attention_head_size", 0, 1, maxHeads, "width of a head; hidden_size / heads_num by default")
	model.IntTo(&m.LayersNumber, "layers_num", 0, 1, maxLayers, "number of layers of the encoder")
	model.IntTo(&m.DecoderLayers, "decoder_layers_num", 0, 1, maxLayers, "number of layers of the decoder; layers_num by default")
	model.Choice(&m.HiddenActivation, "hidden_act", "", registry.Names(layer.Activations), "activation of the feed-forward layers")
	model.IntTo(&m.KernelSize, "kernel_size", 0, 1, maxKernel, "width of the gated convolution, in tokens")
	model.IntTo(&m.BlockSize, "block_size", 0, 1, maxLayers, "number of gated convolutions between residual connections")
}

func addVariantFlags(model config.Group, m *config.Model) {
	model.Choice(&m.LayerNormPositioning, "layernorm_positioning", "post", []string{"pre", "post"},
		"normalise before or after attention and feed-forward")
	model.Choice(&m.LayerNorm, "layernorm", "normal", []string{"normal", "standard", "t5"},
		"UER-py's layer normalisation, PyTorch's, or T5's inside the transformer")
	model.Float(&m.LayerNormEpsilon, "layernorm_eps", 0, 0, 1, "epsilon of the normalisation; 1e-6 by default, 1e-12 for standard")
	model.Choice(&m.FeedForward, "feed_forward", "dense", []string{"dense", "gated"}, "feed-forward layers")
	model.Bool(&m.RelativePositionEmbedding, "relative_position_embedding", "bias attention by distance (T5)")
	model.IntTo(&m.RelativeAttentionBucketsNumber, "relative_attention_buckets_num", 32, 4, maxRows, "number of buckets of distances")
	model.Bool(&m.RemoveEmbeddingLayerNorm, "remove_embedding_layernorm", "no normalisation after the embedding (GPT-2)")
	model.Bool(&m.RemoveAttentionScale, "remove_attention_scale", "do not divide scores by the root of the head size (T5)")
	model.Bool(&m.RemoveTransformerBias, "remove_transformer_bias", "no biases in the linear layers of the transformer (T5)")
	model.Bool(&m.Bidirectional, "bidirectional", "rnn, lstm and gru in both directions, each half as wide")
	model.Bool(&m.FactorizedEmbeddingParameterization, "factorized_embedding_parameterization",
		"map emb_size to hidden_size and back (ALBERT)")
	model.Bool(&m.ParameterSharing, "parameter_sharing", "one set of parameters for all layers (ALBERT)")
	model.Bool(&m.ShareEmbedding, "share_embedding", "one word table for encoder and decoder (T5)")
	model.Bool(&m.TieWeights, "tie_weights", "use the word table as the output layer (GPT-2)")
	model.Bool(&m.HasLMTargetBias, "has_lmtarget_bias", "a bias in the output layer of lm")
	model.Bool(&m.DeepInit, "deep_init", "initialise the last layer of residual branches with smaller values")
	model.Bool(&m.KeepPadding, "keep_padding", "process padding where it changes the result, as UER-py does")
	model.Bool(&m.Recompute, "recompute",
		"recompute activations in the backward pass: less memory, about a fifth more time")
}
