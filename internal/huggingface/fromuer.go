package huggingface

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"uer/internal/config"
	"uer/internal/console"
	"uer/internal/statedict"
)

// FromUER translates the tensors of a model, under UER-py's names of 2021, and its settings. A model that no architecture
// there computes is an error that says why.
func FromUER(m config.Model, tensors []statedict.Tensor) ([]statedict.Tensor, *Config, error) {
	kind, err := Kind(m)
	if err != nil {
		return nil, nil, err
	}
	byName := map[string]statedict.Tensor{}
	for _, t := range tensors {
		byName[t.Name] = t
	}
	word, ok := byName["embedding.word_embedding.weight"]
	if !ok || len(word.Shape) != 2 {
		return nil, nil, errors.New("it has no tensor embedding.word_embedding.weight")
	}
	names := wanted(kind, m)
	var out []statedict.Tensor
	for _, name := range names {
		t, err := find(kind, byName, name)
		if err != nil {
			return nil, nil, err
		}
		out = append(out, toTheirs(kind, t, name)...)
	}
	c := configOf(kind, m, word.Shape[0])
	head := headOf(kind, m, names)
	c.Architectures = []string{head}
	output, tied := byName[outputOf(kind)], true
	if len(output.Data) > 0 {
		tied = slices.Equal(output.Data, word.Data)
	}
	c.Tied = &tied
	return out, c, nil
}

// find returns a tensor of ours with the layout of theirs.
func find(kind string, tensors map[string]statedict.Tensor, name string) (statedict.Tensor, error) {
	if kind == GPT2 {
		return toGPT2(tensors, name)
	}
	t, ok := tensors[name]
	if !ok {
		return t, fmt.Errorf("it has no tensor %s", name)
	}
	return t, nil
}

// Kind returns the architecture that computes what a model does.
func Kind(m config.Model) (string, error) {
	kind := BERT
	switch {
	case m.Target == "lm":
		kind = GPT2
	case m.FactorizedEmbeddingParameterization && m.ParameterSharing:
		kind = ALBERT
	}
	refuse := func(format string, values ...any) (string, error) {
		err := fmt.Errorf("%s has no model with "+format, append([]any{Title(kind)}, values...)...)
		return "", console.Hint(err, "--to torch and --to safetensors write any model; "+
			"BERT, ALBERT and GPT-2 are the models that --to huggingface writes")
	}
	type setting struct{ name, here, want string }
	positions, mask, embedding := "post", "fully_visible", "word_pos_seg"
	if kind == GPT2 {
		positions, mask, embedding = "pre", "causal", "word_pos"
	}
	for _, s := range []setting{
		{"encoder", m.Encoder, "transformer"}, {"embedding", m.Embedding, embedding}, {"mask", m.Mask, mask},
		{"layernorm_positioning", m.LayerNormPositioning, positions}, {"feed_forward", m.FeedForward, "dense"},
	} {
		if s.here != s.want {
			return refuse("%s %s", s.name, s.here)
		}
	}
	switch {
	case !slices.Contains([]string{"mlm", "bert", "albert", "lm"}, m.Target):
		return refuse("target %s", m.Target)
	case kind == ALBERT && m.Target == "bert", kind != ALBERT && m.Target == "albert":
		return refuse("target %s", m.Target)
	case m.LayerNorm == "t5":
		return refuse("layernorm t5")
	case m.RelativePositionEmbedding:
		return refuse("relative_position_embedding")
	case m.RemoveAttentionScale:
		return refuse("remove_attention_scale")
	case m.RemoveTransformerBias:
		return refuse("remove_transformer_bias")
	case m.RemoveEmbeddingLayerNorm != (kind == GPT2):
		return refuse("remove_embedding_layernorm %v", m.RemoveEmbeddingLayerNorm)
	case m.FactorizedEmbeddingParameterization != (kind == ALBERT), m.ParameterSharing != (kind == ALBERT):
		return refuse("factorized_embedding_parameterization %v and parameter_sharing %v",
			m.FactorizedEmbeddingParameterization, m.ParameterSharing)
	case m.HasLMTargetBias:
		return refuse("has_lmtarget_bias")
	case m.AttentionHeadSize != 0 && m.AttentionHeadSize*m.HeadsNumber != m.HiddenSize:
		return refuse("%d heads of %d in a width of %d", m.HeadsNumber, m.AttentionHeadSize, m.HiddenSize)
	}
	return kind, nil
}

// wanted lists our names of all tensors that a model there has.
func wanted(kind string, m config.Model) []string {
	var names []string
	for _, p := range modules[kind] {
		if strings.HasPrefix(p.ours, "target.nsp") && m.Target != "bert" || strings.HasPrefix(p.ours, "target.sop") && m.Target != "albert" {
			continue
		}
		layers := 1
		if strings.Contains(p.ours, "#") {
			layers = m.LayersNumber
		}
		for i := range layers {
			name := strings.Replace(p.ours, "#", fmt.Sprint(i), 1)
			switch {
			case isNorm(name):
				names = append(names, name+".gamma", name+".beta")
			case strings.HasSuffix(name, "_embedding"), name == "target.output_layer":
				names = append(names, name+".weight")
			default:
				names = append(names, name+".weight", name+".bias")
			}
		}
	}
	return names
}

// outputOf names the layer that scores the vocabulary, which may be the word table.
func outputOf(kind string) string {
	if kind == GPT2 {
		return "target.output_layer.weight"
	}
	return "target.mlm_linear_2.weight"
}

// toTheirs renames a tensor whose matrices have their layout, and leaves out what they do not have.
func toTheirs(kind string, t statedict.Tensor, name string) []statedict.Tensor {
	switch name {
	case "target.mlm_linear_2.bias":
		bias := map[string]string{BERT: "cls.predictions.", ALBERT: "predictions."}[kind]
		return []statedict.Tensor{
			{Name: bias + "bias", Shape: t.Shape, Data: t.Data}, {Name: bias + "decoder.bias", Shape: t.Shape, Data: t.Data},
		}
	case "embedding.segment_embedding.weight":
		width := t.Shape[1]
		t.Shape, t.Data = []int{t.Shape[0] - 1, width}, t.Data[width:] // without the row of padding
	}
	if isNorm(name) {
		name = strings.Replace(strings.Replace(name, ".gamma", ".weight", 1), ".beta", ".bias", 1)
	}
	t.Name = rename(name, modules[kind], ours, theirs)
	if !isHead(t.Name) {
		t.Name = prefixes[kind] + t.Name
	}
	return []statedict.Tensor{t}
}

// headOf names the class there.
func headOf(kind string, m config.Model, names []string) string {
	switch {
	case kind == GPT2:
		return "GPT2LMHeadModel"
	case kind == ALBERT && m.Target == "albert":
		return "AlbertForPreTraining"
	case kind == ALBERT:
		return "AlbertForMaskedLM"
	case m.Target == "bert":
		return "BertForPreTraining"
	}
	return "BertForMaskedLM"
}

// configOf describes a model. Its norms divide by the root of variance plus epsilon: with --layernorm standard, that is
// what the model computes. Otherwise epsilon is what comes closest.
func configOf(kind string, m config.Model, vocabulary int) *Config {
	const normal = 1e-12 // 1e-6 beside the deviation is next to nothing
	epsilon, dropout := normal, m.Dropout
	if m.LayerNorm == "standard" {
		epsilon = m.NormEpsilon()
	}
	activation := map[string]string{"gelu_fast": "gelu_new"}[m.HiddenActivation]
	if activation == "" {
		activation = m.HiddenActivation
	}
	padding := int32(0)
	c := &Config{ModelType: kind, VocabularySize: vocabulary, Initializer: 0.02, Padding: &padding, Type: "float32"}
	if kind == GPT2 {
		c.Width, c.InnerWidth, c.LayersGPT2, c.HeadsGPT2 = m.HiddenSize, m.FeedForwardSize, m.LayersNumber, m.HeadsNumber
		c.PositionsGPT2, c.ActivationGPT2, c.EpsilonGPT2 = m.MaxSequenceLength, activation, epsilon
		c.ResidualDropout, c.EmbedDropout, c.AttnDropout = &dropout, &dropout, &dropout
		return c
	}
	c.HiddenSize, c.IntermediateSize, c.Layers, c.Heads = m.HiddenSize, m.FeedForwardSize, m.LayersNumber, m.HeadsNumber
	c.Activation, c.Positions, c.SegmentTypes, c.NormEpsilon = activation, m.MaxSequenceLength, 2, epsilon
	c.HiddenDropout, c.AttentionDropout = &dropout, &dropout
	if kind == ALBERT {
		c.EmbeddingSize, c.Groups, c.InnerGroups = m.EmbeddingSize, 1, 1
	}
	return c
}
