package cli

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"uer/internal/checkpoint"
	"uer/internal/config"
	"uer/internal/console"
	"uer/internal/durable"
	"uer/internal/exchange"
	"uer/internal/huggingface"
	"uer/internal/model"
	"uer/internal/statedict"
	"uer/internal/tokenizer"
	"uer/internal/vocab"
)

// writeHuggingFace writes a folder that Hugging Face's transformers load.
func (o *convertOptions) writeHuggingFace(flags *pflag.FlagSet, source *exchange.Source, m *exchange.Model, vocabulary string, status io.Writer) error {
	settings, state, err := o.settings(flags, source)
	if err != nil {
		return err
	}
	o.Source.Vocabulary = vocabulary
	words, splits, err := o.tokenizer(state)
	if err != nil {
		return err
	}
	tensors, err := fit(settings, source.Path, m, words.Size())
	if err != nil {
		return err
	}
	translated, description, err := huggingface.FromUER(settings, tensors)
	if err != nil {
		return err
	}
	nameSpecialTokens(description, words)
	folder := huggingface.Folder{
		Config: description, Tensors: translated, Vocabulary: words, Tokenizer: splits,
		Card: card(settings, description, o.inputs, state),
	}
	if err := folder.Write(o.output); err != nil {
		return err
	}
	fmt.Fprintf(status, "Written  %s: %s, %s\n", o.output, description.Architectures[0], counted(int64(len(translated)), "tensor"))
	if splits.Remark != "" {
		fmt.Fprintln(status, "         "+splits.Remark)
	}
	if settings.LayerNorm != "standard" {
		fmt.Fprintln(status, "         the model has UER-py's layer norms, Hugging Face's divide by a slightly smaller deviation:\n"+
			"         expect logits that differ by some hundredths; --layernorm standard trains models that are exact there")
	}
	return nil
}

// nameSpecialTokens tells the model which ids pad, and begin and end a text; transformers would take those of the first
// vocabularies of their kinds.
func nameSpecialTokens(c *huggingface.Config, v *vocab.Vocabulary) {
	id := func(id int32) *int32 {
		if id < 0 {
			return nil
		}
		return &id
	}
	if c.Padding = id(v.Padding); c.ModelType == huggingface.GPT2 {
		c.Begin, c.End = id(v.Class), id(v.Separator)
	}
}

// tokenizer reads how text was split, which must be as it was for the checkpoint, as far as that says it.
func (o *convertOptions) tokenizer(state *checkpoint.File) (*vocab.Vocabulary, huggingface.Tokenizer, error) {
	none := huggingface.Tokenizer{}
	if o.Source.Path() == "" {
		return nil, none, console.UsageError{Err: console.Hint(errors.New("the folder needs the vocabulary of the model"),
			"pass --vocab_path, or --spm_model_path for a SentencePiece model")}
	}
	made, err := o.Source.Read()
	if err != nil {
		return nil, none, hintPath(o.Source, err)
	}
	words := made.Vocabulary
	if state != nil && o.ToVocabPath == "" {
		if err := checkSameVocabulary(state.Path, "--vocab_path", o.Source.Path(), words, state.VocabularySHA256); err != nil {
			return nil, none, err
		}
	}
	file, err := durable.ReadFile(o.Source.Path(), durable.LargestText)
	if err != nil {
		return nil, none, err
	}
	switch {
	case o.Source.SentencePiece != "":
		t, err := huggingface.SentencePiece(words, file)
		return words, t, err
	case made.Name == "bpe":
		merges, err := durable.ReadFile(o.Source.Merges, durable.LargestText)
		return words, huggingface.Pairs(words, string(file), string(merges)), err
	case !slices.Contains(tokenizer.Names, made.Name): // a tokenizer.json
		return words, huggingface.Tokenizer{Files: map[string]string{"tokenizer.json": string(file)}, Class: "PreTrainedTokenizerFast"}, nil
	}
	var strip *bool
	if o.Source.StripAccents != "" {
		strips := o.Source.StripAccents == "true"
		strip = &strips
	}
	return words, huggingface.Words(words, made.Name, o.Source.LowerCase != "false", strip), nil
}

// fit loads the tensors into the model that the settings describe, so that one that lacks or misshapes anything is an error.
func fit(settings config.Model, path string, m *exchange.Model, vocabulary int) ([]statedict.Tensor, error) {
	built, err := model.New(settings, vocabulary, model.Limits{Sequences: 1, Length: 1, Output: 1})
	if err != nil {
		return nil, err
	}
	source := &exchange.Source{Path: path, Tensors: m.Tensors(exchange.Naming{Versions: exchange.Names2021, Target: settings.Target})}
	parameters := make([]float32, built.Program.ParameterSize)
	match, err := source.Load(exchange.Options{}, built.Program, parameters)
	if err != nil {
		return nil, err
	}
	if len(match.Missing) > 0 {
		return nil, console.Hint(fmt.Errorf("%s lacks %d of the tensors of the model that the settings describe: %s",
			path, len(match.Missing), some(match.Missing)), "pass the settings that it was trained with, such as --target")
	}
	var tensors []statedict.Tensor
	for _, p := range built.Program.Parameters {
		values := parameters[p.Offset:][:p.Shape.Elements()]
		for _, name := range append([]string{p.Name}, p.Aliases...) {
			tensors = append(tensors, statedict.Tensor{Name: name, Shape: p.Shape, Data: values})
		}
	}
	return tensors, nil
}

// card says what a model is and what it was trained on.
func card(m config.Model, c *huggingface.Config, inputs []string, state *checkpoint.File) string {
	var text strings.Builder
	line := func(format string, values ...any) { fmt.Fprintf(&text, format+"\n", values...) }
	line("---\nlibrary_name: transformers\n---\n\n# %s\n", filepath.Base(inputs[0]))
	line("%s, trained by uer with target %s: %d layers of width %d with %d heads.\n", c.Architectures[0], m.Target, m.LayersNumber,
		m.HiddenSize, m.HeadsNumber)
	if len(inputs) > 1 {
		line("It is the mean of %d checkpoints: %s.\n", len(inputs), strings.Join(inputs, ", "))
	}
	if m.LayerNorm == "standard" {
		line("Its layer norms have the formula of PyTorch, with epsilon %g.\n", m.NormEpsilon())
	} else {
		line("It was trained with the layer norms of UER-py, which divide by the sample deviation: logits differ by some hundredths here.\n")
	}
	if state == nil {
		return text.String()
	}
	line("| | |\n|---|---|")
	line("| steps | %d |", state.Step)
	line("| data | %s, %d instances |", state.Dataset.Path, state.Dataset.Instances)
	if l := state.Loss; l != nil {
		line("| loss | %.4f, the mean of steps %d to %d |", l.Mean, l.First, l.Last)
	}
	if h := state.HeldOut; h != nil && h.Last > 0 {
		line("| loss on held-out data | %.4f at step %d, on %s, %d instances |", h.BestLoss, h.BestStep, h.Dataset.Path, h.Dataset.Instances)
	}
	for _, name := range []string{"batch_size", "accumulation_steps", "learning_rate", "optimizer", "scheduler", "warmup", "seed"} {
		if value := state.Settings[name]; value != "" {
			line("| %s | %s |", name, value)
		}
	}
	line("| saved | %s by uer %s |", state.Saved.Format("2006-01-02 15:04 MST"), state.Version)
	return text.String()
}
