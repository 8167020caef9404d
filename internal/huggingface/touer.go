package huggingface

import (
	"fmt"
	"slices"
	"strings"

	"uer/internal/statedict"
)

// ToUER translates the tensors of an architecture to UER-py's names of 2021 and layouts. Tensors that a model of UER-py
// does not have keep their names. An output layer that is missing because it is the word table becomes a second name of it.
// The configuration may be nil.
func ToUER(kind string, c *Config, tensors []statedict.Tensor) ([]statedict.Tensor, error) {
	var out []statedict.Tensor
	for _, t := range tensors {
		name := strings.TrimPrefix(t.Name, prefixes[kind])
		if isConstant(name) {
			continue
		}
		ours := toOurName(kind, name)
		if ours == "" {
			out = append(out, t)
			continue
		}
		translated, err := translate(kind, c, ours, t)
		if err != nil {
			return nil, fmt.Errorf("tensor %q: %w", t.Name, err)
		}
		for _, t := range translated {
			switch at := slices.IndexFunc(out, func(o statedict.Tensor) bool { return o.Name == t.Name }); {
			case at < 0:
				out = append(out, t)
			case strings.HasSuffix(name, ".decoder.bias"): // the bias of the head has no effect if it differs
				out[at] = t
			}
		}
	}
	return tie(kind, out), nil
}

// toOurName returns the name of a tensor here, "" if there is none.
func toOurName(kind, name string) string {
	switch name {
	case "cls.predictions.bias", "lm_head.bias", "predictions.bias":
		return "target.mlm_linear_2.bias"
	}
	name = rename(name, modules[kind], theirs, ours)
	if isNorm(name) { // files of 2018 have gamma and beta, too
		name = strings.Replace(strings.Replace(name, ".weight", ".gamma", 1), ".bias", ".beta", 1)
	}
	return name
}

// isConstant reports whether a tensor is a table that the program makes itself: positions, or masks of attention.
func isConstant(name string) bool {
	for _, ending := range []string{".position_ids", ".token_type_ids", ".attn.bias", ".attn.masked_bias"} {
		if strings.HasSuffix("."+name, ending) {
			return true
		}
	}
	return false
}

// translate changes the layout of a tensor where it differs.
func translate(kind string, c *Config, name string, t statedict.Tensor) ([]statedict.Tensor, error) {
	renamed := statedict.Tensor{Name: name, Shape: t.Shape, Data: t.Data}
	switch {
	case name == "embedding.segment_embedding.weight":
		if len(t.Shape) != 2 || t.Shape[0] > 2 {
			return nil, fmt.Errorf("shape %v, but there are at most two kinds of segments", t.Shape)
		}
		return []statedict.Tensor{segments(renamed)}, nil
	case name == "embedding.position_embedding.weight" && kind == RoBERTa:
		before := c.paddingRows()
		if len(t.Shape) != 2 || t.Shape[0] <= before {
			return nil, fmt.Errorf("shape %v, but the first %d rows stand for no position", t.Shape, before)
		}
		rows, width := t.Shape[0]-before, t.Shape[1]
		renamed.Shape, renamed.Data = []int{rows, width}, t.Data[before*width:]
	case kind == GPT2:
		return fromGPT2(renamed)
	}
	return []statedict.Tensor{renamed}, nil
}

// paddingRows is the number of rows before position 0 in RoBERTa's table: it counts positions on from the id of padding,
// which is 1 unless the configuration has another one.
func (c *Config) paddingRows() int {
	if c == nil || c.Padding == nil || *c.Padding < 0 {
		return 2
	}
	return int(*c.Padding) + 1
}

// segments puts the row of padding, segment 0 in UER-py, before those of the segments [2, width], and adds what is
// missing to three.
func segments(t statedict.Tensor) statedict.Tensor {
	width := t.Shape[1]
	data := make([]float32, 3*width)
	copy(data[width:], t.Data)
	return statedict.Tensor{Name: t.Name, Shape: []int{3, width}, Data: data}
}

// tie adds the output layer of a model that shares it with the word table.
func tie(kind string, tensors []statedict.Tensor) []statedict.Tensor {
	find := func(name string) int {
		return slices.IndexFunc(tensors, func(t statedict.Tensor) bool { return t.Name == name })
	}
	word, output := find("embedding.word_embedding.weight"), "target.output_layer.weight"
	if kind != GPT2 {
		if output = "target.mlm_linear_2.weight"; find("target.mlm_linear_1.weight") < 0 {
			return tensors // without this head
		}
	}
	if word < 0 || find(output) >= 0 {
		return tensors
	}
	return append(tensors, statedict.Tensor{Name: output, Shape: tensors[word].Shape, Data: tensors[word].Data})
}
