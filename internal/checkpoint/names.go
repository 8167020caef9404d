package checkpoint

import "strings"

// newer maps the prefixes of names in later versions of UER-py to the ones used here. UER-py changed some in February
// 2022 and most in July 2023; TencentPretrain has used those of July 2023 from the start.
var newer = []struct{ newer, name string }{
	{"embedding.word.embedding.", "embedding.word_embedding."},
	{"embedding.pos.embedding.", "embedding.position_embedding."},
	{"embedding.seg.embedding.", "embedding.segment_embedding."},
	{"embedding.sinusoidalpos.pe", "embedding.pe"},
	{"target.mlm.linear_", "target.mlm_linear_"},
	{"target.mlm.layer_norm.", "target.layer_norm."},
	{"target.sp_linear_", "target.nsp_linear_"}, // 2022
	{"target.sp_linear_", "target.sop_linear_"}, // 2022
	{"target.sp.linear_", "target.nsp_linear_"},
	{"target.sp.linear_", "target.sop_linear_"},
	{"target.lm.output_layer.", "target.output_layer."},
	{"target.bilm.output_layer.", "target.output_layer."},
	{"target.cls.linear_", "target.linear_"},
	{"tgt_embedding.word.embedding.", "target.embedding.word_embedding."},
	{"tgt_embedding.pos.embedding.", "target.embedding.position_embedding."},
	{"tgt_embedding.seg.embedding.", "target.embedding.segment_embedding."},
	{"tgt_embedding.sinusoidalpos.pe", "target.embedding.pe"},
	{"tgt_embedding.", "target.embedding."}, // 2022, and the layer norm of 2023
	{"decoder.", "target.decoder."},         // 2022
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
