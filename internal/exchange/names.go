package exchange

import (
	"slices"
	"strings"

	"uer/internal/graph"
)

// The values of --checkpoint_names: the years since when UER-py has used the names, and all of them together.
// TencentPretrain has used those of 2023 from the start.
const (
	AllNames  = "all"
	Names2021 = "2021"
	Names2022 = "2022"
	Names2023 = "2023"
)

// NameChoices lists the values of --checkpoint_names.
var NameChoices = []string{AllNames, Names2021, Names2022, Names2023}

// renaming is a prefix of names that UER-py changed. What it used until then is what a parameter is called here.
type renaming struct{ name, newer string }

// renamings holds the names of each year that differ from those of 2021. The first prefix that fits counts.
var renamings = map[string][]renaming{
	Names2022: {
		{"target.nsp_linear_", "target.sp_linear_"},
		{"target.sop_linear_", "target.sp_linear_"},
		{"target.embedding.", "tgt_embedding."},
		{"target.decoder.", "decoder."},
	},
	Names2023: {
		{"embedding.word_embedding.", "embedding.word.embedding."},
		{"embedding.position_embedding.", "embedding.pos.embedding."},
		{"embedding.segment_embedding.", "embedding.seg.embedding."},
		{"embedding.pe", "embedding.sinusoidalpos.pe"},
		{"target.mlm_linear_", "target.mlm.linear_"},
		{"target.layer_norm.", "target.mlm.layer_norm."},
		{"target.nsp_linear_", "target.sp.linear_"},
		{"target.sop_linear_", "target.sp.linear_"},
		{"target.linear_", "target.cls.linear_"},
		{"target.embedding.word_embedding.", "tgt_embedding.word.embedding."},
		{"target.embedding.position_embedding.", "tgt_embedding.pos.embedding."},
		{"target.embedding.segment_embedding.", "tgt_embedding.seg.embedding."},
		{"target.embedding.pe", "tgt_embedding.sinusoidalpos.pe"},
		{"target.embedding.", "tgt_embedding."},
		{"target.decoder.", "decoder."},
		{outputLayer, "target.lm.output_layer."},
		{outputLayer, "target.bilm.output_layer."},
	},
}

// outputLayer is the one prefix whose name since 2023 depends on the target: bilm's differs from that of all others.
const outputLayer = "target.output_layer."

// Naming says which names the parameters of a file have.
type Naming struct {
	Versions string // one of NameChoices; "" means AllNames
	Target   string // of the model: some names depend on it
}

// Of returns the names of a parameter of a model with the given layout, those of 2021 first.
func (n Naming) Of(p graph.Parameter, layout *graph.Layout) []string {
	var names []string
	for _, name := range append([]string{p.Name}, p.Aliases...) {
		for _, year := range NameChoices[1:] {
			if all := n.Versions == "" || n.Versions == AllNames; !all && n.Versions != year {
				continue
			}
			renamed := []string{rename(name, year, n.Target)}
			if year == Names2023 && name == positionTable {
				renamed = append(renamed, positionTables(layout)...)
			}
			for _, r := range renamed {
				if !slices.Contains(names, r) {
					names = append(names, r)
				}
			}
		}
	}
	return names
}

// TencentPretrain's T5 of 2024 has the table of relative positions in each layer of the encoder, all of them one table, and
// does not use the encoder's own.
const (
	positionTable  = "encoder" + positionSuffix
	positionSuffix = ".relative_pos_emb.relative_attention_bias.weight"
	firstQuery     = ".self_attn.linear_layers.0.weight"
)

// positionTables returns the names of the table in the layers of a model.
func positionTables(layout *graph.Layout) []string {
	var names []string
	for _, p := range layout.Parameters {
		if block, ok := strings.CutSuffix(p.Name, firstQuery); ok && strings.HasPrefix(block, "encoder.transformer") {
			names = append(names, block+positionSuffix)
		}
	}
	return names
}

// rename returns the name that a parameter has had since a year.
func rename(name, year, target string) string {
	for _, r := range renamings[year] {
		rest, matches := strings.CutPrefix(name, r.name)
		if matches && (r.name != outputLayer || (r.newer == "target.bilm.output_layer.") == (target == "bilm")) {
			return r.newer + rest
		}
	}
	return name
}

// translate returns the model's name for a tensor of a file, or the tensor's own name if the model does not have it.
func translate(name string, known map[string]int) string {
	if _, ok := known[name]; ok {
		return name
	}
	if isLayerTable(name) {
		return positionTable
	}
	for _, year := range []string{Names2023, Names2022} {
		for _, r := range renamings[year] {
			rest, matches := strings.CutPrefix(name, r.newer)
			if !matches {
				continue
			}
			if _, ok := known[r.name+rest]; ok {
				return r.name + rest
			}
		}
	}
	return name
}

// isLayerTable reports whether a name is that of a table of relative positions in a layer.
func isLayerTable(name string) bool {
	return strings.HasPrefix(name, "encoder.transformer") && strings.HasSuffix(name, positionSuffix)
}
