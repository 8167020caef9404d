package checkpoint

import "strings"

// newer maps the prefixes of names in UER-py since 2022 to the ones used here.
var newer = []struct{ newer, name string }{
	{"embedding.word.embedding.", "embedding.word_embedding."},
	{"embedding.pos.embedding.", "embedding.position_embedding."},
	{"embedding.seg.embedding.", "embedding.segment_embedding."},
	{"embedding.sinusoidalpos.pe", "embedding.pe"},
	{"target.mlm.linear_", "target.mlm_linear_"},
	{"target.mlm.layer_norm.", "target.layer_norm."},
	{"target.sp.linear_", "target.nsp_linear_"},
	{"target.sp.linear_", "target.sop_linear_"},
	{"target.lm.output_layer.", "target.output_layer."},
	{"target.bilm.output_layer.", "target.output_layer."},
	{"target.cls.linear_", "target.linear_"},
	{"tgt_embedding.word.embedding.", "target.embedding.word_embedding."},
	{"tgt_embedding.pos.embedding.", "target.embedding.position_embedding."},
	{"tgt_embedding.seg.embedding.", "target.embedding.segment_embedding."},
	{"tgt_embedding.sinusoidalpos.pe", "target.embedding.pe"},
	{"tgt_embedding.layer_norm.", "target.embedding.layer_norm."},
	{"decoder.", "target.decoder."},
}

// translate returns the model's name for a tensor of a file, or the tensor's own name if the model does not have it.
func translate(name string, known map[string]int) string {
	if _, ok := known[name]; ok {
		return name
	}
	for _, rule := range newer {
		rest, matches := strings.CutPrefix(name, rule.newer)
		if !matches {
			continue
		}
		if _, ok := known[rule.name+rest]; ok {
			return rule.name + rest
		}
	}
	return name
}
