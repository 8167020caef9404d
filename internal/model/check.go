package model

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"uer/internal/config"
	"uer/internal/console"
	"uer/internal/embedding"
	"uer/internal/encoder"
	"uer/internal/target"
)

// Check refuses settings that cannot work together, that would teach a model nothing, or that would change nothing.
// Its errors are usage errors. It needs no data, so that a mistake shows at once.
func Check(m config.Model) error {
	for _, check := range []func(config.Model) error{
		checkNames, checkUnused, checkMissing, checkSizes, checkWidths, checkSight,
	} {
		if err := check(m); err != nil {
			return console.UsageError{Err: err}
		}
	}
	return nil
}

// isMasked tells whether a target has a masked language model's head.
func isMasked(name string) bool { return name == "mlm" || name == "bert" || name == "albert" }

// hasDecoder tells whether a target has a decoder, which is a transformer.
func hasDecoder(name string) bool { return name == "seq2seq" || name == "t5" }

func hasTransformer(m config.Model) bool {
	return encoder.IsTransformer(m.Encoder) || hasDecoder(m.Target)
}

func isRecurrent(name string) bool { return name == "rnn" || name == "lstm" || name == "gru" }

func checkNames(m config.Model) error {
	switch {
	case embedding.ByName[m.Embedding] == nil:
		return fmt.Errorf("there is no embedding %q", m.Embedding)
	case encoder.ByName[m.Encoder] == nil:
		return fmt.Errorf("there is no encoder %q", m.Encoder)
	case target.ByName[m.Target] == nil:
		return fmt.Errorf("there is no target %q", m.Target)
	case hasDecoder(m.Target) && embedding.ByName[m.TargetEmbedding] == nil:
		return fmt.Errorf("there is no tgt_embedding %q", m.TargetEmbedding)
	case m.Target == "cls" && target.Poolings[m.Pooling] == nil:
		return fmt.Errorf("there is no pooling %q", m.Pooling)
	}
	return nil
}

// checkMissing names all settings that the encoder and the target need and nothing sets.
func checkMissing(m config.Model) error {
	var missing []string
	for _, setting := range []struct {
		name        string
		needed, set bool
	}{
		{"emb_size", true, m.EmbeddingSize > 0},
		{"hidden_size", true, m.HiddenSize > 0},
		{"layers_num", true, m.LayersNumber > 0},
		{"feedforward_size", hasTransformer(m), m.FeedForwardSize > 0},
		{"heads_num", hasTransformer(m), m.HeadsNumber > 0},
		{"hidden_act", hasTransformer(m) || isMasked(m.Target), m.HiddenActivation != ""},
		{"kernel_size", m.Encoder == "gatedcnn", m.KernelSize > 0},
		{"block_size", m.Encoder == "gatedcnn", m.BlockSize > 0},
		{"labels_num", m.Target == "cls", m.LabelsNumber > 0},
	} {
		if setting.needed && !setting.set {
			missing = append(missing, setting.name)
		}
	}
	if missing == nil {
		return nil
	}
	return console.Hint(fmt.Errorf("encoder %s with target %s needs %s, which nothing sets", m.Encoder, m.Target,
		strings.Join(missing, ", ")),
		fmt.Sprintf("name a file that sets it with --config_path, or pass --%s", strings.Join(missing, " and --")))
}

func checkSizes(m config.Model) error {
	switch {
	case hasTransformer(m) && m.AttentionHeadSize == 0 && m.HiddenSize%m.HeadsNumber != 0:
		return console.Hint(fmt.Errorf("hidden_size %d is not a multiple of heads_num %d", m.HiddenSize, m.HeadsNumber),
			"pass other sizes, or --attention_head_size for the width of a head")
	case m.HiddenSize%2 != 0 && (m.Bidirectional || encoder.SightOf(m) == encoder.SeesApart):
		return console.Hint(fmt.Errorf("hidden_size %d is odd: two directions share it in halves", m.HiddenSize),
			fmt.Sprintf("pass --hidden_size %d", m.HiddenSize+1))
	case m.EmbeddingSize%2 != 0 && (m.Embedding == "word_sinusoidalpos" || hasDecoder(m.Target) && m.TargetEmbedding == "word_sinusoidalpos"):
		return console.Hint(fmt.Errorf("emb_size %d is odd: word_sinusoidalpos is made of pairs of sine and cosine", m.EmbeddingSize),
			fmt.Sprintf("pass --emb_size %d", m.EmbeddingSize+1))
	case m.Recompute && blocks(m) == 1:
		return console.Hint(errors.New("recompute has no effect: the activations of the last layer are kept, and there is no other"),
			"leave it out; it is for models of several layers")
	}
	return nil
}

// blocks is the number of blocks of the graph. Recompute computes the activations of all but the last again.
func blocks(m config.Model) int {
	n := m.LayersNumber
	if m.Encoder == "gatedcnn" { // the first layer, then block_size layers each
		n = 1 + (m.LayersNumber-1+m.BlockSize-1)/m.BlockSize
	}
	if hasDecoder(m.Target) {
		n += cmp.Or(m.DecoderLayers, m.LayersNumber)
	}
	return n
}

// checkWidths compares the widths of what is connected.
func checkWidths(m config.Model) error {
	differ := m.EmbeddingSize != m.HiddenSize
	switch {
	case differ && hasDecoder(m.Target):
		return console.Hint(fmt.Errorf("emb_size %d differs from hidden_size %d: nothing maps one to the other in the decoder of target %s",
			m.EmbeddingSize, m.HiddenSize, m.Target), fmt.Sprintf("pass --emb_size %d", m.HiddenSize))
	case differ && encoder.IsTransformer(m.Encoder) && !m.FactorizedEmbeddingParameterization:
		return console.Hint(fmt.Errorf("emb_size %d differs from hidden_size %d: encoder %s does not map one to the other",
			m.EmbeddingSize, m.HiddenSize, m.Encoder),
			fmt.Sprintf("pass --factorized_embedding_parameterization, or --emb_size %d", m.HiddenSize))
	}
	if width := outputWidth(m); m.TieWeights && width > 0 && width != m.EmbeddingSize {
		return console.Hint(fmt.Errorf("tie_weights: the output layer of target %s is %d wide, but the word table, of emb_size, %d",
			m.Target, width, m.EmbeddingSize), "leave out --tie_weights, or pass sizes that agree")
	}
	return nil
}

// outputWidth is the width of the layer that scores the vocabulary, 0 if the target has none.
func outputWidth(m config.Model) int {
	switch {
	case m.Target == "cls":
		return 0
	case m.Target == "bilm":
		return m.HiddenSize / 2
	case isMasked(m.Target) && m.FactorizedEmbeddingParameterization:
		return m.EmbeddingSize
	}
	return m.HiddenSize
}

// checkSight compares what the encoder sees with what the target predicts.
func checkSight(m config.Model) error {
	sight := encoder.SightOf(m)
	switch {
	case m.Target == "lm" && sight != encoder.SeesBefore,
		m.Target == "prefixlm" && sight != encoder.SeesBefore && sight != encoder.SeesPrefix:
		return console.Hint(fmt.Errorf("target %s would copy what it has to predict: %s sees the tokens that follow",
			m.Target, describeEncoder(m)), blinderEncoder(m))
	case m.Target == "bilm" && sight == encoder.SeesBefore:
		return console.Hint(fmt.Errorf("target bilm predicts in both directions: %s sees only the tokens before", describeEncoder(m)),
			"pass --encoder bilstm, bigru or birnn")
	case m.Target == "bilm" && sight != encoder.SeesApart:
		return console.Hint(fmt.Errorf("target bilm needs two directions that never see each other: %s mixes them", describeEncoder(m)),
			"pass --encoder bilstm, bigru or birnn")
	case m.Target == "cls" && m.Pooling == "first" && sight == encoder.SeesBefore:
		return console.Hint(fmt.Errorf("target cls would see nothing of the text: pooling first takes the first token, and %s sees only the tokens before",
			describeEncoder(m)), "pass --pooling last, mean or max")
	}
	return nil
}

// describeEncoder names the encoder with the setting that says what it sees.
func describeEncoder(m config.Model) string {
	switch {
	case encoder.IsTransformer(m.Encoder):
		return fmt.Sprintf("encoder %s with mask %s", m.Encoder, m.Mask)
	case m.Bidirectional:
		return fmt.Sprintf("encoder %s with bidirectional", m.Encoder)
	}
	return "encoder " + m.Encoder
}

// blinderEncoder says how to get an encoder for lm or prefixlm.
func blinderEncoder(m config.Model) string {
	switch {
	case encoder.IsTransformer(m.Encoder) && m.Target == "prefixlm":
		return "pass --mask causal_with_prefix"
	case encoder.IsTransformer(m.Encoder):
		return "pass --mask causal"
	case m.Bidirectional:
		return "leave out --bidirectional"
	}
	return fmt.Sprintf("pass --encoder %s", strings.TrimPrefix(m.Encoder, "bi"))
}

// checkUnused refuses what the other settings make meaningless, where UER-py says nothing.
func checkUnused(m config.Model) error {
	const (
		transformers = "encoder transformer"
		decoders     = "targets seq2seq and t5"
		either       = transformers + " and " + decoders
	)
	transformer, decoder := encoder.IsTransformer(m.Encoder), hasDecoder(m.Target)
	for _, setting := range []struct {
		given, used bool
		name, users string
	}{
		{m.Mask != "" && m.Mask != "fully_visible", transformer, "mask " + m.Mask, transformers},
		{m.ParameterSharing, transformer, "parameter_sharing", transformers},
		{m.LayerNormPositioning == "pre", transformer || decoder, "layernorm_positioning pre", either},
		{m.LayerNorm == "t5", transformer || decoder, "layernorm t5", either},
		{m.FeedForward == "gated", transformer || decoder, "feed_forward gated", either},
		{m.RelativePositionEmbedding, transformer || decoder, "relative_position_embedding", either},
		{m.RemoveTransformerBias, transformer || decoder, "remove_transformer_bias", either},
		{m.RemoveAttentionScale, transformer || decoder, "remove_attention_scale", either},
		{m.FactorizedEmbeddingParameterization, transformer || isMasked(m.Target), "factorized_embedding_parameterization",
			transformers + " and targets mlm, bert and albert"},
		{m.Bidirectional, isRecurrent(m.Encoder), "bidirectional", "encoders rnn, lstm and gru"},
		{m.TieWeights, m.Target != "cls", "tie_weights", "targets with an output layer over the vocabulary"},
		{m.HasLMTargetBias, outputWidth(m) > 0 && !isMasked(m.Target), "has_lmtarget_bias", "targets lm, bilm, prefixlm, seq2seq and t5"},
		{m.ShareEmbedding, decoder, "share_embedding", decoders},
		{m.TargetEmbedding != "" && m.TargetEmbedding != "word_pos_seg", decoder, "tgt_embedding " + m.TargetEmbedding, decoders},
		{m.DecoderLayers > 0, decoder, "decoder_layers_num", decoders},
		{m.Pooling != "" && m.Pooling != "first", m.Target == "cls", "pooling " + m.Pooling, "target cls"},
		{m.LabelsNumber > 0, m.Target == "cls", "labels_num", "target cls"},
		{m.KeepPadding, paddingMatters(m), "keep_padding",
			"encoders that read backwards, target t5, and pooling last, mean and max: elsewhere no text sees padding"},
	} {
		if setting.given && !setting.used {
			return console.Hint(fmt.Errorf("%s has no effect with encoder %s and target %s", setting.name, m.Encoder, m.Target),
				fmt.Sprintf("leave it out; it is for %s", setting.users))
		}
	}
	return nil
}

// paddingMatters tells whether processed padding changes what is predicted. A transformer's tokens never see it.
func paddingMatters(m config.Model) bool {
	backwards := m.Bidirectional || encoder.SightOf(m) == encoder.SeesApart
	return backwards || m.Target == "t5" || m.Target == "cls" && m.Pooling != "first"
}
