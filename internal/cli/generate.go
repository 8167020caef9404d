package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"uer/internal/checkpoint"
	"uer/internal/config"
	"uer/internal/console"
	"uer/internal/embedding"
	"uer/internal/inference"
	"uer/internal/model"
	"uer/internal/task"
	"uer/internal/tokenizer"
)

type generateOptions struct {
	inferenceOptions
	Sampler        inference.Sampler
	SequenceLength int
	OutputLength   int // of what a decoder writes
}

const generateExamples = `  # continue each line of the standard input
  uer generate --load_model_path models/gpt2.bin-100000 < lines.txt

  # the likeliest token at each step
  uer generate --load_model_path models/gpt2.bin-100000 \
               --test_path beginnings.txt --temperature 0

  # what a model of target seq2seq makes of each line
  uer generate --load_model_path models/mt_model.bin-100000 \
               --test_path sources.txt --tgt_seq_length 64 --temperature 0

  # a GPT-2 of UER-py
  uer generate --load_model_path models/gpt2.bin --target lm \
               --config_path models/gpt2/config.json \
               --vocab_path models/google_zh_vocab.txt \
               --test_path beginnings.txt`

// writing are the targets whose models write text.
var writing = []string{"lm", "prefixlm", "seq2seq", "t5"}

// ofOutput are the flags about the text that a decoder writes.
var ofOutput = []string{
	"tgt_vocab_path", "tgt_spm_model_path", "tgt_merges_path", "tgt_special_tokens_map", "tgt_tokenizer", "tgt_do_lower_case",
	"tgt_strip_accents", "tgt_embedding", "decoder", "decoder_layers_num", "share_embedding",
}

func newGenerate(streams Streams) *cobra.Command {
	o := &generateOptions{}
	return newInference("generate", "Write text after lines, or from them",
		"Print each line of text with what a model of target lm writes after it, up to the end of the text or --seq_length\n"+
			"tokens; or what a model of target prefixlm, seq2seq or t5 makes of the line. Line breaks are printed as spaces. The\n"+
			"same seed gives the same text.",
		generateExamples, &o.inferenceOptions, streams,
		func(flags *pflag.FlagSet) {
			text := o.addTextFlags(flags, "the texts")
			text.Bool(&o.JSON, "json", "print a line of JSON for each line of text")
			sampling := config.NewGroup(flags, "Sampling")
			sampling.Int(&o.SequenceLength, "seq_length", 128, 2,
				"the most tokens of a text, those of the line and [CLS] included; of the source, for seq2seq and t5")
			sampling.Int(&o.OutputLength, "tgt_seq_length", 128, 2, "the most tokens of what seq2seq and t5 write, [CLS] included")
			sampling.Float(&o.Sampler.Temperature, "temperature", 1, 0, math.MaxFloat32,
				"divides the scores of tokens: below 1 likely ones become likelier; 0 takes the likeliest")
			sampling.Int(&o.Sampler.TopK, "top_k", 70, 0, "choose among so many of the likeliest tokens; 0: among all")
			sampling.Float(&o.Sampler.TopP, "top_p", 0, 0, 1,
				"choose among the likeliest tokens that have this probability together; 0: among all that top_k leaves")
			for _, name := range append(ofOutput, "seed") {
				flags.Lookup(name).Hidden = false
			}
		},
		func(command *cobra.Command) error { return o.run(command.Context(), streams) })
}

func (o *generateOptions) run(ctx context.Context, streams Streams) (err error) {
	if err := cmp.Or(
		requireTarget(o.Model.Target, writing, "write text", "uer fill fills masks with models of target mlm, bert and albert"),
		checkTargetVocabulary(o.Model.Target, o.TargetSource),
	); err != nil {
		return err
	}
	w, err := o.open(streams.Err)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.device.Close()) }()
	g := writer{worker: w, options: o, task: task.ByName[o.Model.Target]}
	if g.outputs, err = o.readOutputs(w); err != nil {
		return err
	}
	limits, err := o.limits(w, g.outputs)
	if err != nil {
		return err
	}
	programs, err := model.NewGeneration(o.Model, w.tokenizer.Vocabulary.Size(), limits)
	if err != nil {
		return err
	}
	parameters, err := w.parameters(programs.Beginning)
	if err != nil {
		return err
	}
	if g.generator, err = inference.NewGenerator(w.device, programs, parameters); err != nil {
		return err
	}
	fmt.Fprintf(w.status, "Run      %s\n", w.device.Name())
	return o.predict(streams.Out, func(out io.Writer) error { return g.run(ctx, out) })
}

// readOutputs reads the tokenizer of what is written, which must be that of the training.
func (o *generateOptions) readOutputs(w *worker) (*tokenizer.Model, error) {
	if !task.ByName[o.Model.Target].Output {
		return w.tokenizer, nil
	}
	words, err := readTokenizer(o.TargetSource, w.status)
	if err != nil {
		return nil, err
	}
	file, err := checkpoint.Open(o.LoadModelPath)
	if err != nil {
		return words, nil // there is nothing to compare with
	}
	defer file.Close()
	return words, checkSameVocabulary(file.Path, "--tgt_vocab_path", o.TargetSource.Path(), words.Vocabulary,
		file.TargetVocabularySHA256)
}

// limits are those of the texts.
func (o *generateOptions) limits(w *worker, outputs *tokenizer.Model) (model.Limits, error) {
	limits := model.Limits{Length: o.SequenceLength, Activations: w.device.Activations()}
	if err := checkTakes("--seq_length", o.SequenceLength, w.length); err != nil {
		return limits, err
	}
	if !task.ByName[o.Model.Target].Decoder {
		return limits, nil
	}
	limits.Output, limits.OutputVocabulary = o.OutputLength, outputs.Vocabulary.Size()
	length := longest
	if embedding.ByName[o.Model.TargetEmbedding].Positions {
		length = o.Model.MaxSequenceLength
	}
	return limits, checkTakes("--tgt_seq_length", o.OutputLength, length)
}

// checkTakes rejects texts that are longer than a model takes.
func checkTakes(flag string, given, length int) error {
	if given <= length {
		return nil
	}
	err := fmt.Errorf("%s %d: the model takes %s", flag, given, counted(int64(length), "token"))
	return console.UsageError{Err: console.Hint(err, fmt.Sprintf("pass %s %d", flag, length))}
}
