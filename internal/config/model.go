package config

// A Model describes how to build a model. Flags and keys have UER-py's names, which comments give where they differ.
type Model struct {
	EmbeddingSize     int // emb_size
	FeedForwardSize   int // feedforward_size
	HiddenSize        int // hidden_size
	HeadsNumber       int // heads_num
	AttentionHeadSize int // attention_head_size; 0 means hidden_size / heads_num
	LayersNumber      int // layers_num
	DecoderLayers     int // decoder_layers_num; 0 means layers_num
	MaxSequenceLength int // max_seq_length: rows of the position table
	HiddenActivation  string
	Dropout           float64
	ZLoss             float64 // z_loss: weight of the square of log Σ exp(logits) in the loss of tokens; 0 for none

	Embedding            string
	TargetEmbedding      string // tgt_embedding: the decoder's
	Encoder              string
	Decoder              string // of seq2seq and t5; always a transformer
	Mask                 string
	Target               string
	LayerNormPositioning string
	FeedForward          string
	LayerNorm            string
	LayerNormEpsilon     float64 // layernorm_eps; 0 means that of LayerNorm: see NormEpsilon
	Pooling              string

	KernelSize                     int // width of the gated convolution in tokens
	BlockSize                      int // convolution layers between two residual connections
	LabelsNumber                   int
	RelativeAttentionBucketsNumber int

	RemoveEmbeddingLayerNorm            bool
	RemoveAttentionScale                bool
	RemoveTransformerBias               bool
	RelativePositionEmbedding           bool
	Bidirectional                       bool
	FactorizedEmbeddingParameterization bool
	ParameterSharing                    bool
	TieWeights                          bool
	ShareEmbedding                      bool // share_embedding: encoder and decoder share a word table
	HasLMTargetBias                     bool
	KeepPadding                         bool // process padding as UER-py does
	DeepInit                            bool // deep_init: smaller initial weights at the end of a residual branch
	Recompute                           bool // recompute the activations of a layer in the backward pass
}

// NormEpsilon returns the epsilon of the norms: UER-py's and T5's own, or BERT's for PyTorch's formula.
func (m Model) NormEpsilon() float64 {
	switch {
	case m.LayerNormEpsilon != 0:
		return m.LayerNormEpsilon
	case m.LayerNorm == "standard":
		return 1e-12
	}
	return 1e-6
}
