package exchange

import (
	"fmt"
	"strings"

	"uer/internal/console"
	"uer/internal/graph"
	"uer/internal/statedict"
)

// table is what the rows of a parameter stand for.
type table int

const (
	noTable         table = iota
	vocabularyTable       // of the inputs, and of what is predicted unless the decoder has a vocabulary of its own
	positionRows
)

// tableOf tells what the rows of a parameter stand for, by its name.
func tableOf(p graph.Parameter) table {
	for _, name := range append([]string{p.Name}, p.Aliases...) {
		switch {
		case strings.HasSuffix(name, "word_embedding.weight"), strings.HasPrefix(name, "target.mlm_linear_2."),
			strings.HasPrefix(name, "target.output_layer."):
			return vocabularyTable
		case strings.HasSuffix(name, "position_embedding.weight"), strings.HasSuffix(name, "embedding.pe"):
			return positionRows
		}
	}
	return noTable
}

// shapeError says how a tensor of a file differs from the parameter, what that comes from, and what to do.
func shapeError(path string, p graph.Parameter, t *statedict.Tensor) error {
	err := fmt.Errorf("%s: %s is %v, the model has %v", path, t.Name, graph.Shape(t.Shape), p.Shape)
	return console.Hint(err, shapeHint(p, t.Shape))
}

func shapeHint(p graph.Parameter, shape []int) string {
	if len(shape) != len(p.Shape) {
		return "the file is of another kind of model"
	}
	axis, differ := 0, 0
	for i := range shape {
		if shape[i] != p.Shape[i] {
			axis = i
			differ++
		}
	}
	if differ > 1 {
		return "the file is of a model of other sizes: pass the --config_path that it was made with"
	}
	file, model := shape[axis], p.Shape[axis]
	if axis == 0 {
		switch tableOf(p) {
		case positionRows:
			return positionHint(file, model)
		case vocabularyTable:
			return fmt.Sprintf("the file was made with a vocabulary of %d tokens, --vocab_path has %d: pass the file's vocabulary "+
				"(and run uer preprocess with it), or --resize, with --pretrained_vocab_path to match the rows by token", file, model)
		}
	}
	setting := settingOf(p.Name, axis)
	if setting == "" {
		return "the file was made with another --config_path"
	}
	return fmt.Sprintf("the file was made with another %s: pass the --config_path it was made with", setting)
}

// positionHint is for a table of positions: sequences longer than the file's need --resize, shorter ones do not.
func positionHint(file, model int) string {
	if file > model {
		return fmt.Sprintf("the file has %d positions: pass --max_seq_length %d, which costs only memory, or --resize to keep the first %d",
			file, file, model)
	}
	return fmt.Sprintf("the file has %d positions: pass --resize to keep them and initialise the other %d, or --max_seq_length %d "+
		"with a dataset of at most --seq_length %d", file, model-file, file, file)
}

// settingOf names the setting that an axis of a parameter comes from, "" if several may be the cause.
func settingOf(name string, axis int) string {
	switch {
	case strings.Contains(name, "feed_forward.linear_2") && axis == 1, strings.Contains(name, "feed_forward.linear_1") && axis == 0,
		strings.Contains(name, "linear_gate") && axis == 0:
		return "feedforward_size"
	case strings.HasPrefix(name, "embedding."):
		return "emb_size"
	case strings.HasPrefix(name, "target.linear_2.") && axis == 0:
		return "--labels_num"
	case strings.HasSuffix(name, "relative_attention_bias.weight"):
		return [...]string{"--relative_attention_buckets_num", "heads_num"}[axis]
	case strings.HasPrefix(name, "encoder.transformer."):
		return "hidden_size"
	}
	return ""
}

// noMatchError is for a file without any tensor of the model.
func (s *Source) noMatchError(program *graph.Program) error {
	holds := s.Title()
	if holds == "" {
		holds = s.Tensors[0].Name
	}
	return console.Hint(fmt.Errorf("%s: no tensor of this model: it holds %s, the model has %s",
		s.Path, holds, program.Parameters[0].Name),
		"give a state dict of UER-py, TencentPretrain or uer, or a BERT, RoBERTa, ALBERT or GPT-2 of Hugging Face; uer inspect shows what a file holds")
}
