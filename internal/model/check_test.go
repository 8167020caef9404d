package model

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"uer/internal/config"
	"uer/internal/embedding"
	"uer/internal/encoder"
	"uer/internal/layer"
	"uer/internal/registry"
	"uer/internal/target"
)

// changed returns a tiny model with other settings.
func changed(embedding, encoder, target string, change func(m *config.Model)) config.Model {
	m := tiny(embedding, encoder, target)
	change(&m)
	return m
}

func none(*config.Model) {}

func list[T any](r map[string]T) string { return strings.Join(registry.Names(r), ", ") }

// refusedSettings are rejected for other reasons than the combination of parts.
var refusedSettings = []struct {
	embedding, encoder, target string
	change                     func(m *config.Model)
	want                       string
}{
	{"letter", "lstm", "lm", none, `embedding "letter" is not one of ` + list(embedding.ByName)},
	{"word", "mamba", "lm", none, `encoder "mamba" is not one of ` + list(encoder.ByName)},
	{"word", "lstm", "gsg", none, `target "gsg" is not one of ` + list(target.ByName)},
	{"word", "lstm", "seq2seq", func(m *config.Model) { m.TargetEmbedding = "" }, `tgt_embedding "" is not one of ` + list(embedding.ByName)},
	{"word", "bilstm", "cls", func(m *config.Model) { m.Pooling = "min" }, `pooling "min" is not one of ` + list(target.Poolings)},

	{"word", "lstm", "lm", func(m *config.Model) { m.EmbeddingSize, m.LayersNumber = 0, 0 },
		"encoder lstm with target lm needs emb_size, layers_num, which nothing sets\n" +
			"hint: name a file that sets it with --config_path, or pass --emb_size and --layers_num"},
	{"word", "lstm", "mlm", func(m *config.Model) { m.HiddenActivation, m.FeedForwardSize = "", 0 },
		"encoder lstm with target mlm needs hidden_act, which nothing sets\n" +
			"hint: name a file that sets it with --config_path, or pass --hidden_act"},
	{"word", "lstm", "seq2seq", func(m *config.Model) { m.HeadsNumber = 0 },
		"encoder lstm with target seq2seq needs heads_num, which nothing sets\n" +
			"hint: name a file that sets it with --config_path, or pass --heads_num"},
	{"word", "gatedcnn", "lm", func(m *config.Model) { m.KernelSize, m.BlockSize = 0, 0 },
		"encoder gatedcnn with target lm needs kernel_size, block_size, which nothing sets\n" +
			"hint: name a file that sets it with --config_path, or pass --kernel_size and --block_size"},
	{"word", "bilstm", "cls", func(m *config.Model) { m.LabelsNumber = 0 },
		"encoder bilstm with target cls needs labels_num, which nothing sets\n" +
			"hint: pass --labels_num: 1 more than the largest label of the corpus"},
	{"word", "transformer", "mlm", func(m *config.Model) { m.HiddenActivation = "swish" },
		`building the model: hidden_act "swish" is not one of gelu, gelu_fast, linear, relu, silu`},

	{"word", "transformer", "mlm", func(m *config.Model) { m.HeadsNumber = 3 },
		"hidden_size 8 is not a multiple of heads_num 3\n" +
			"hint: pass other sizes, or --attention_head_size for the width of a head"},
	{"word", "bilstm", "bilm", func(m *config.Model) { m.HiddenSize = 7 },
		"hidden_size 7 is odd: two directions share it in halves\nhint: pass --hidden_size 8"},
	{"word", "gru bidirectional", "mlm", func(m *config.Model) { m.HiddenSize = 7 },
		"hidden_size 7 is odd: two directions share it in halves\nhint: pass --hidden_size 8"},
	{"word", "gru", "lm", func(m *config.Model) { m.Recompute, m.LayersNumber = true, 1 },
		"recompute has no effect: the activations of the last layer are kept, and there is no other\n" +
			"hint: leave it out; it is for models of several layers"},
	{"word", "gatedcnn", "lm", func(m *config.Model) { m.Recompute, m.LayersNumber = true, 1 },
		"recompute has no effect: the activations of the last layer are kept, and there is no other\n" +
			"hint: leave it out; it is for models of several layers"},
	{"word_sinusoidalpos", "lstm", "lm", func(m *config.Model) { m.EmbeddingSize = 5 },
		"emb_size 5 is odd: word_sinusoidalpos consists of pairs of sine and cosine\nhint: pass --emb_size 6"},
	{"word", "transformer", "mlm", func(m *config.Model) { m.EmbeddingSize = 4 },
		"emb_size 4 differs from hidden_size 8: encoder transformer does not map one to the other\n" +
			"hint: pass --factorized_embedding_parameterization, or --emb_size 8"},
	{"word", "transformer", "t5", func(m *config.Model) { m.EmbeddingSize, m.FactorizedEmbeddingParameterization = 4, true },
		"emb_size 4 differs from hidden_size 8: nothing maps one to the other in the decoder of target t5\n" +
			"hint: pass --emb_size 8"},

	{"word", "bilstm", "bilm", func(m *config.Model) { m.TieWeights = true },
		"tie_weights: the output layer of target bilm is 4 wide, but the word table, of emb_size, 8\n" +
			"hint: leave out --tie_weights, or pass sizes that agree"},
	{"word", "lstm", "mlm", func(m *config.Model) { m.TieWeights, m.EmbeddingSize = true, 4 },
		"tie_weights: the output layer of target mlm is 8 wide, but the word table, of emb_size, 4\n" +
			"hint: leave out --tie_weights, or pass sizes that agree"},
	{"word", "bilstm", "cls", func(m *config.Model) { m.TieWeights = true },
		"tie_weights has no effect with encoder bilstm and target cls\n" +
			"hint: leave it out; it is for targets albert, bert, bilm, lm, mlm, prefixlm, seq2seq and t5"},

	{"word", "lstm causal", "lm", none, "mask causal has no effect with encoder lstm and target lm\n" +
		"hint: leave it out; it is for encoders bert and transformer"},
	{"word", "transformer bidirectional", "mlm", none, "bidirectional has no effect with encoder transformer and target mlm\n" +
		"hint: leave it out; it is for encoders gru, lstm and rnn"},
	{"word", "bilstm bidirectional", "bilm", none, "bidirectional has no effect with encoder bilstm and target bilm\n" +
		"hint: leave it out; it is for encoders gru, lstm and rnn"},
	{"word", "gru", "lm", func(m *config.Model) { m.ParameterSharing = true },
		"parameter_sharing has no effect with encoder gru and target lm\nhint: leave it out; it is for encoders bert and transformer"},
	{"word", "gru", "lm", func(m *config.Model) { m.LayerNormPositioning = "pre" },
		"layernorm_positioning pre has no effect with encoder gru and target lm\n" +
			"hint: leave it out; it is for encoders bert and transformer, and for targets seq2seq and t5"},
	{"word", "gru", "lm", func(m *config.Model) { m.LayerNorm = "t5" },
		"layernorm t5 has no effect with encoder gru and target lm\n" +
			"hint: leave it out; it is for encoders bert and transformer, and for targets seq2seq and t5"},
	{"word", "gru", "lm", func(m *config.Model) { m.FeedForward = "gated" },
		"feed_forward gated has no effect with encoder gru and target lm\n" +
			"hint: leave it out; it is for encoders bert and transformer, and for targets seq2seq and t5"},
	{"word", "gru", "lm", func(m *config.Model) { m.RelativePositionEmbedding = true },
		"relative_position_embedding has no effect with encoder gru and target lm\n" +
			"hint: leave it out; it is for encoders bert and transformer, and for targets seq2seq and t5"},
	{"word", "gru", "lm", func(m *config.Model) { m.RemoveTransformerBias = true },
		"remove_transformer_bias has no effect with encoder gru and target lm\n" +
			"hint: leave it out; it is for encoders bert and transformer, and for targets seq2seq and t5"},
	{"word", "gru", "lm", func(m *config.Model) { m.RemoveAttentionScale = true },
		"remove_attention_scale has no effect with encoder gru and target lm\n" +
			"hint: leave it out; it is for encoders bert and transformer, and for targets seq2seq and t5"},
	{"word", "gru", "lm", func(m *config.Model) { m.FactorizedEmbeddingParameterization = true },
		"factorized_embedding_parameterization has no effect with encoder gru and target lm\n" +
			"hint: leave it out; it is for encoders bert and transformer, and for targets albert, bert and mlm"},
	{"word", "transformer", "mlm", func(m *config.Model) { m.HasLMTargetBias = true },
		"has_lmtarget_bias has no effect with encoder transformer and target mlm\n" +
			"hint: leave it out; it is for targets bilm, lm, prefixlm, seq2seq and t5"},
	{"word", "gru", "lm", func(m *config.Model) { m.ShareEmbedding = true },
		"share_embedding has no effect with encoder gru and target lm\nhint: leave it out; it is for targets seq2seq and t5"},
	{"word", "gru", "lm", func(m *config.Model) { m.TargetEmbedding = "word" },
		"tgt_embedding word has no effect with encoder gru and target lm\nhint: leave it out; it is for targets seq2seq and t5"},
	{"word", "gru", "lm", func(m *config.Model) { m.DecoderLayers = 1 },
		"decoder_layers_num has no effect with encoder gru and target lm\nhint: leave it out; it is for targets seq2seq and t5"},
	{"word", "gru", "lm", func(m *config.Model) { m.Pooling = "mean" },
		"pooling mean has no effect with encoder gru and target lm\nhint: leave it out; it is for target cls"},
	{"word", "gru", "lm", func(m *config.Model) { m.LabelsNumber = 2 },
		"labels_num has no effect with encoder gru and target lm\nhint: leave it out; it is for target cls"},
	{"word", "gru", "lm", func(m *config.Model) { m.KeepPadding = true },
		"keep_padding has no effect with encoder gru and target lm\n" +
			"hint: leave it out; with them, no prediction depends on padding"},
	{"word", "transformer", "cls", func(m *config.Model) { m.KeepPadding = true },
		"keep_padding has no effect with encoder transformer and target cls\n" +
			"hint: leave it out; with them, no prediction depends on padding"},
}

func TestRefusedSettings(t *testing.T) {
	for _, test := range refusedSettings {
		m := changed(test.embedding, test.encoder, test.target, test.change)
		checkRefusal(t, fmt.Sprintf("%s, %s, %s", test.embedding, test.encoder, test.target), m, test.want)
	}
}

// settings trains tiny models with other settings.
type settings struct {
	*testing.T
	text *demo
	on   processor
}

func newSettings(t *testing.T) settings { return settings{t, openDemo(t), processor{threads: 1}} }

func (s settings) train(name, embedding, encoder, target string, change func(m *config.Model)) {
	s.Helper()
	s.text.train(s.T, s.on, fmt.Sprintf("%s: %s, %s, %s", name, embedding, encoder, target),
		changed(embedding, encoder, target, change))
}

// TestTransformerSettings trains with each setting of transformers in the encoder and in the decoder.
func TestTransformerSettings(t *testing.T) {
	s := newSettings(t)
	changes := map[string]func(m *config.Model){
		"layernorm_positioning pre":   func(m *config.Model) { m.LayerNormPositioning = "pre" },
		"layernorm t5":                func(m *config.Model) { m.LayerNorm = "t5" },
		"feed_forward gated":          func(m *config.Model) { m.FeedForward = "gated" },
		"relative_position_embedding": func(m *config.Model) { m.RelativePositionEmbedding = true },
		"remove_transformer_bias":     func(m *config.Model) { m.RemoveTransformerBias = true },
		"remove_attention_scale":      func(m *config.Model) { m.RemoveAttentionScale = true },
		"remove_embedding_layernorm":  func(m *config.Model) { m.RemoveEmbeddingLayerNorm = true },
		"attention_head_size":         func(m *config.Model) { m.AttentionHeadSize = 3 },
	}
	for name := range layer.Activations {
		changes["hidden_act "+name] = func(m *config.Model) { m.HiddenActivation = name }
	}
	for name, change := range changes {
		s.train(name, "word_pos_seg", "transformer", "bert", change)
		if testing.Short() {
			continue
		}
		s.train(name, "word_pos", "transformer causal", "lm", change)
		s.train(name, "word", "lstm", "seq2seq", change)
	}
	for _, layers := range []int{1, 3} {
		s.train("decoder_layers_num", "word", "transformer", "seq2seq", func(m *config.Model) { m.DecoderLayers = layers })
	}
	s.train("another name", "word_pos_seg", "bert", "mlm", none)
}

// TestSharedSettings trains with weights that several parts share, and with different sizes.
func TestSharedSettings(t *testing.T) {
	s := newSettings(t)
	tie := func(m *config.Model) { m.TieWeights = true }
	for _, name := range []string{"mlm", "bert", "albert", "seq2seq", "t5"} {
		s.train("tie_weights", "word_pos_seg", "transformer", name, tie)
	}
	for _, name := range []string{"lm", "prefixlm"} {
		s.train("tie_weights", "word", "gru", name, tie)
	}
	s.train("tie_weights", "word", "bilstm", "bilm", func(m *config.Model) { m.TieWeights, m.EmbeddingSize = true, 4 })

	factorize := func(m *config.Model) {
		m.FactorizedEmbeddingParameterization, m.ParameterSharing, m.EmbeddingSize = true, true, 4
	}
	s.train("factorized", "word_pos", "transformer causal", "lm", factorize)
	for _, name := range []string{"mlm", "albert"} {
		s.train("factorized", "word_pos_seg", "transformer", name, factorize)
		s.train("factorized and tied", "word_pos_seg", "transformer", name, func(m *config.Model) { factorize(m); tie(m) })
		s.train("factorized", "word", "bigru", name, func(m *config.Model) { factorize(m); m.ParameterSharing = false })
	}
	for _, name := range []string{"seq2seq", "t5"} {
		s.train("share_embedding", "word", "transformer", name, func(m *config.Model) { m.ShareEmbedding = true })
		s.train("share_embedding and tied", "word_pos", "gru", name, func(m *config.Model) { m.ShareEmbedding = true; tie(m) })
	}
}

// TestTargetSettings trains with the settings of targets, and with padding.
func TestTargetSettings(t *testing.T) {
	s := newSettings(t)
	for _, name := range []string{"lm", "prefixlm", "seq2seq", "t5"} {
		s.train("has_lmtarget_bias", "word", "rnn", name, func(m *config.Model) { m.HasLMTargetBias = true })
	}
	s.train("has_lmtarget_bias", "word", "birnn", "bilm", func(m *config.Model) { m.HasLMTargetBias = true })
	for pooling := range target.Poolings {
		change := func(m *config.Model) { m.Pooling = pooling }
		s.train("pooling "+pooling, "word_pos_seg", "transformer", "cls", change)
		if pooling == "first" {
			continue
		}
		s.train("pooling "+pooling, "word", "lstm", "cls", change)
		s.train("pooling "+pooling, "word", "transformer causal", "cls", change)
		s.train("keep_padding, pooling "+pooling, "word", "transformer causal_with_prefix", "cls",
			func(m *config.Model) { change(m); m.KeepPadding = true })
	}
	for encoder, target := range map[string]string{"bilstm": "bilm", "gru bidirectional": "mlm", "transformer": "t5"} {
		s.train("keep_padding", "word", encoder, target, func(m *config.Model) { m.KeepPadding = true })
	}
}

// TestWhatPassesTrains checks that random settings which pass Check can be trained.
func TestWhatPassesTrains(t *testing.T) {
	text := openDemo(t)
	on := processor{threads: 1}
	generator := rand.New(rand.NewPCG(1, 2))
	pick := func(names []string) string { return names[generator.IntN(len(names))] }
	embeddings, targets := registry.Names(embedding.ByName), registry.Names(target.ByName)
	models := 60
	if testing.Short() {
		models = 15
	}
	for trained := 0; trained < models; {
		m := tiny(pick(embeddings), pick(encoders()), pick(targets))
		m.EmbeddingSize, m.HiddenSize = 2+generator.IntN(3), 4
		m.Pooling = pick(registry.Names(target.Poolings))
		m.HiddenActivation = pick(registry.Names(layer.Activations))
		m.LayerNormPositioning = pick([]string{"pre", "post"})
		m.LayerNorm = pick([]string{"normal", "t5"})
		m.FeedForward = pick([]string{"dense", "gated"})
		for _, setting := range []*bool{
			&m.RemoveEmbeddingLayerNorm, &m.RemoveAttentionScale, &m.RemoveTransformerBias, &m.RelativePositionEmbedding,
			&m.FactorizedEmbeddingParameterization, &m.ParameterSharing, &m.TieWeights, &m.ShareEmbedding,
			&m.HasLMTargetBias, &m.KeepPadding,
		} {
			*setting = generator.IntN(3) == 0
		}
		if Check(m) != nil {
			continue
		}
		trained++
		loader := text.loader(t, m, demoBatch)
		r := text.newTraining(t, on, m, Limits{Sequences: demoBatch, Length: demoLength, Output: loader.OutputLength})
		for range 2 {
			b, err := loader.Next()
			if err != nil {
				t.Fatal(err)
			}
			r.inputs = b.Inputs(r.inputs)
			if loss := r.train(t); !(loss > 0) || math.IsInf(loss, 0) {
				t.Errorf("%+v: loss %v", m, loss)
			}
		}
		loader.Close()
	}
}
