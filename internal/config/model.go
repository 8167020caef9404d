package config

// A Model says how a model is built. Its keys in a configuration file and its flags are UER-py's.
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

	Embedding            string
	TargetEmbedding      string // tgt_embedding: that of the decoder
	Encoder              string
	Decoder              string // of seq2seq and t5: always a transformer
	Mask                 string
	Target               string
	LayerNormPositioning string
	FeedForward          string
	LayerNorm            string
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
	ShareEmbedding                      bool // share_embedding: encoder and decoder have one word table
	HasLMTargetBias                     bool
	KeepPadding                         bool // process padding as UER-py does
	DeepInit                            bool // deep_init: what ends a residual branch starts smaller
	Recompute                           bool // compute the activations of a layer again in the backward pass
}
