package model

import (
	"strings"

	"uer/internal/config"
	"uer/internal/encoder"
	"uer/internal/registry"
	"uer/internal/target"
)

// setting is a setting that Needs or Uses of an encoder or a target may list.
type setting struct {
	name  string // of its flag
	shown string // the name and, for a choice, the value
	given bool   // whether it is set to something other than its default
}

// sizes lists the settings that have no default.
func sizes(m config.Model) []setting {
	size := func(name string, given bool) setting { return setting{name, name, given} }
	return []setting{
		size("emb_size", m.EmbeddingSize > 0),
		size("hidden_size", m.HiddenSize > 0),
		size("layers_num", m.LayersNumber > 0),
		size("feedforward_size", m.FeedForwardSize > 0),
		size("heads_num", m.HeadsNumber > 0),
		size("hidden_act", m.HiddenActivation != ""),
		size("kernel_size", m.KernelSize > 0),
		size("block_size", m.BlockSize > 0),
		size("labels_num", m.LabelsNumber > 0),
	}
}

// variants lists the settings that have no effect unless something uses them. Sizes are not among them, since a
// configuration file may be used for several encoders, except those that only one target reads.
func variants(m config.Model) []setting {
	flag := func(name string, given bool) setting { return setting{name, name, given} }
	choice := func(name, value, standard string) setting {
		return setting{name, name + " " + value, value != "" && value != standard}
	}
	return []setting{
		choice("mask", m.Mask, "fully_visible"),
		flag("parameter_sharing", m.ParameterSharing),
		choice("layernorm_positioning", m.LayerNormPositioning, "post"),
		{"layernorm", "layernorm t5", m.LayerNorm == "t5"}, // the others are the embedding's and the head's, too
		choice("feed_forward", m.FeedForward, "dense"),
		flag("relative_position_embedding", m.RelativePositionEmbedding),
		flag("remove_transformer_bias", m.RemoveTransformerBias),
		flag("remove_attention_scale", m.RemoveAttentionScale),
		flag("factorized_embedding_parameterization", m.FactorizedEmbeddingParameterization),
		flag("bidirectional", m.Bidirectional),
		flag("tie_weights", m.TieWeights),
		flag("has_lmtarget_bias", m.HasLMTargetBias),
		flag("share_embedding", m.ShareEmbedding),
		choice("tgt_embedding", m.TargetEmbedding, "word_pos_seg"),
		flag("decoder_layers_num", m.DecoderLayers > 0),
		choice("pooling", m.Pooling, "first"),
		flag("labels_num", m.LabelsNumber > 0),
		flag("z_loss", m.ZLoss > 0),
	}
}

// users names the encoders and targets that read a setting.
func users(setting string) string {
	var groups []string
	add := func(kind string, names []string) {
		if len(names) > 1 {
			kind += "s"
		}
		if len(names) > 0 {
			groups = append(groups, kind+" "+enumerate(names, "and"))
		}
	}
	add("encoder", registry.Which(encoder.ByName, func(e encoder.Encoder) bool { return e.Reads(setting) }))
	add("target", registry.Which(target.ByName, func(t target.Target) bool { return t.Reads(setting) }))
	return strings.Join(groups, ", and for ")
}

// enumerate joins names, for example "a, b and c".
func enumerate(names []string, conjunction string) string {
	last := len(names) - 1
	if last < 1 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:last], ", ") + " " + conjunction + " " + names[last]
}
