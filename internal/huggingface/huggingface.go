// Package huggingface translates models between the names and layouts of Hugging Face's transformers and those of UER-py.
//
// It knows BERT, RoBERTa, ALBERT and GPT-2, each with its heads for pre-training. [Open] reads a folder or a file,
// [FromUER] and [WriteFolder] make a folder that transformers loads. What their configuration says beyond the shapes, such as
// the number of heads, is compared with the settings of a model by [Config.Check].
package huggingface

import (
	"strings"
)

// The architectures, by their model_type.
const (
	BERT    = "bert"
	RoBERTa = "roberta"
	ALBERT  = "albert"
	GPT2    = "gpt2"
)

// titles are the names of the architectures in messages.
var titles = map[string]string{BERT: "BERT", RoBERTa: "RoBERTa", ALBERT: "ALBERT", GPT2: "GPT-2"}

// Title names an architecture in messages: Hugging Face BERT.
func Title(kind string) string { return "Hugging Face " + titles[kind] }

// prefixes of the base model in a model with heads. A base model saved alone has none.
var prefixes = map[string]string{BERT: "bert.", RoBERTa: "roberta.", ALBERT: "albert.", GPT2: "transformer."}

// marks are names that tell an architecture, without the prefix.
var marks = map[string]string{
	BERT: "encoder.layer.0.attention.self.query.weight", ALBERT: "encoder.albert_layer_groups.0.albert_layers.0.ffn.weight",
	GPT2: "h.0.attn.c_attn.weight",
}

// Recognize tells the architecture of a file by the names of its tensors, "" if it is none that this package knows.
func Recognize(names []string) string {
	known := map[string]bool{}
	for _, name := range names {
		known[name] = true
	}
	switch {
	case known[prefixes[GPT2]+marks[GPT2]], known[marks[GPT2]]:
		return GPT2
	case known[prefixes[ALBERT]+marks[ALBERT]], known[marks[ALBERT]]:
		return ALBERT
	case known[prefixes[RoBERTa]+marks[BERT]]:
		return RoBERTa
	case known[prefixes[BERT]+marks[BERT]], known[marks[BERT]]:
		return BERT
	}
	return ""
}

// pair is a module's name there and here. A # stands for the number of a layer.
type pair struct{ theirs, ours string }

// modules lists the modules of each architecture whose tensors have the same layout there and here: matrices are
// [out, in]. Those of a norm are called weight and bias there, gamma and beta here.
var modules = map[string][]pair{
	BERT: append([]pair{
		{"cls.predictions.transform.dense", "target.mlm_linear_1"},
		{"cls.predictions.transform.LayerNorm", "target.layer_norm"},
		{"cls.predictions.decoder", "target.mlm_linear_2"},
		{"pooler.dense", "target.nsp_linear_1"},
		{"cls.seq_relationship", "target.nsp_linear_2"},
	}, bertEncoder...),
	RoBERTa: append([]pair{
		{"lm_head.dense", "target.mlm_linear_1"},
		{"lm_head.layer_norm", "target.layer_norm"},
		{"lm_head.decoder", "target.mlm_linear_2"},
	}, bertEncoder...),
	ALBERT: {
		{"embeddings.word_embeddings", "embedding.word_embedding"},
		{"embeddings.position_embeddings", "embedding.position_embedding"},
		{"embeddings.token_type_embeddings", "embedding.segment_embedding"},
		{"embeddings.LayerNorm", "embedding.layer_norm"},
		{"encoder.embedding_hidden_mapping_in", "encoder.linear"},
		{group + "attention.query", "encoder.transformer.self_attn.linear_layers.0"},
		{group + "attention.key", "encoder.transformer.self_attn.linear_layers.1"},
		{group + "attention.value", "encoder.transformer.self_attn.linear_layers.2"},
		{group + "attention.dense", "encoder.transformer.self_attn.final_linear"},
		{group + "attention.LayerNorm", "encoder.transformer.layer_norm_1"},
		{group + "ffn", "encoder.transformer.feed_forward.linear_1"},
		{group + "ffn_output", "encoder.transformer.feed_forward.linear_2"},
		{group + "full_layer_layer_norm", "encoder.transformer.layer_norm_2"},
		{"predictions.dense", "target.mlm_linear_1"},
		{"predictions.LayerNorm", "target.layer_norm"},
		{"predictions.decoder", "target.mlm_linear_2"},
		{"pooler", "target.sop_linear_1"},
		{"sop_classifier.classifier", "target.sop_linear_2"},
	},
	// The attention's c_attn holds queries, keys and values at once, and its matrices are [in, out]: see gpt2.go.
	GPT2: {
		{"wte", "embedding.word_embedding"},
		{"wpe", "embedding.position_embedding"},
		{"h.#.ln_1", "encoder.transformer.#.layer_norm_1"},
		{"h.#.attn.c_attn", "encoder.transformer.#.self_attn.linear_layers"},
		{"h.#.attn.c_proj", "encoder.transformer.#.self_attn.final_linear"},
		{"h.#.ln_2", "encoder.transformer.#.layer_norm_2"},
		{"h.#.mlp.c_fc", "encoder.transformer.#.feed_forward.linear_1"},
		{"h.#.mlp.c_proj", "encoder.transformer.#.feed_forward.linear_2"},
		{"ln_f", "encoder.layer_norm"},
		{"lm_head", "target.output_layer"},
	},
}

const group = "encoder.albert_layer_groups.0.albert_layers.0."

var bertEncoder = []pair{
	{"embeddings.word_embeddings", "embedding.word_embedding"},
	{"embeddings.position_embeddings", "embedding.position_embedding"},
	{"embeddings.token_type_embeddings", "embedding.segment_embedding"},
	{"embeddings.LayerNorm", "embedding.layer_norm"},
	{"encoder.layer.#.attention.self.query", "encoder.transformer.#.self_attn.linear_layers.0"},
	{"encoder.layer.#.attention.self.key", "encoder.transformer.#.self_attn.linear_layers.1"},
	{"encoder.layer.#.attention.self.value", "encoder.transformer.#.self_attn.linear_layers.2"},
	{"encoder.layer.#.attention.output.dense", "encoder.transformer.#.self_attn.final_linear"},
	{"encoder.layer.#.attention.output.LayerNorm", "encoder.transformer.#.layer_norm_1"},
	{"encoder.layer.#.intermediate.dense", "encoder.transformer.#.feed_forward.linear_1"},
	{"encoder.layer.#.output.dense", "encoder.transformer.#.feed_forward.linear_2"},
	{"encoder.layer.#.output.LayerNorm", "encoder.transformer.#.layer_norm_2"},
}

// heads are the modules outside the base model: their names have no prefix.
var heads = []string{"cls.", "lm_head", "predictions.", "sop_classifier."}

func isHead(theirs string) bool {
	for _, head := range heads {
		if strings.HasPrefix(theirs, head) {
			return true
		}
	}
	return false
}

// rename translates a name by the modules of an architecture, in the direction that from and to give. It returns "" for
// a name that none of them has.
func rename(name string, modules []pair, from, to func(pair) string) string {
	for _, m := range modules {
		if renamed, ok := renameModule(name, from(m), to(m)); ok {
			return renamed
		}
	}
	return ""
}

func renameModule(name, from, to string) (string, bool) {
	before, after, numbered := strings.Cut(from, "#")
	rest, ok := strings.CutPrefix(name, before)
	number := ""
	if numbered {
		digits := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
		if !ok || digits < 1 {
			return "", false
		}
		number = rest[:digits]
		rest, ok = strings.CutPrefix(rest[digits:], after)
	}
	// What is left is the kind of the tensor: .weight and so on.
	if !ok || strings.Count(rest, ".") != 1 || rest[0] != '.' {
		return "", false
	}
	return strings.Replace(to, "#", number, 1) + rest, true
}

func theirs(p pair) string { return p.theirs }
func ours(p pair) string   { return p.ours }

// isNorm reports whether a module of ours is a norm, whose tensors are gamma and beta.
func isNorm(name string) bool { return strings.Contains(name, "layer_norm") }
