package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"uer/internal/config"
	"uer/internal/console"
	"uer/internal/device"
	"uer/internal/inference"
	"uer/internal/model"
	"uer/internal/random"
	"uer/internal/tokenizer"
)

type generateOptions struct {
	inferenceOptions
	Sampler        inference.Sampler
	SequenceLength int
}

const generateExamples = `  # continue each line of the standard input
  uer generate --load_model_path models/output_model.bin-100000 < lines.txt

  # the likeliest token at each step
  uer generate --load_model_path models/output_model.bin-100000 \
               --test_path beginnings.txt --temperature 0

  # a GPT-2 of UER-py
  uer generate --load_model_path models/gpt2.bin --target lm \
               --config_path models/gpt2/config.json \
               --vocab_path models/google_zh_vocab.txt \
               --test_path beginnings.txt`

func newGenerate(streams Streams) *cobra.Command {
	o := &generateOptions{}
	return newInference("generate", "Continue lines of text",
		"Print each line of text with what the model writes after it, up to the end of the text or --seq_length tokens. Line\n"+
			"breaks are printed as spaces. The same seed gives the same text.",
		generateExamples, &o.inferenceOptions, streams,
		func(flags *pflag.FlagSet) {
			text := o.addTextFlags(flags, "the texts")
			text.Bool(&o.JSON, "json", "print a line of JSON for each line of text")
			sampling := config.NewGroup(flags, "Sampling")
			sampling.Int(&o.SequenceLength, "seq_length", 128, 2, "the most tokens of a text, those of the line and [CLS] included")
			sampling.Float(&o.Sampler.Temperature, "temperature", 1, 0, math.MaxFloat32,
				"divides the scores of tokens: below 1 likely ones become likelier; 0 takes the likeliest")
			sampling.Int(&o.Sampler.TopK, "top_k", 70, 0, "choose among so many of the likeliest tokens; 0: among all")
			sampling.Float(&o.Sampler.TopP, "top_p", 0, 0, 1,
				"choose among the likeliest tokens that have this probability together; 0: among all that top_k leaves")
			flags.Lookup("seed").Hidden = false
		},
		func(command *cobra.Command) error { return o.run(command.Context(), streams) })
}

func (o *generateOptions) run(ctx context.Context, streams Streams) (err error) {
	if err := requireHead(o.Model.Target, "lm", "continue a text",
		"uer fill fills masks with models of target mlm, bert and albert"); err != nil {
		return err
	}
	w, err := o.open(streams.Err)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.device.Close()) }()
	if o.SequenceLength > w.length {
		return console.UsageError{Err: console.Hint(fmt.Errorf("--seq_length %d: the model takes %s", o.SequenceLength,
			counted(int64(w.length), "token")), fmt.Sprintf("pass --seq_length %d", w.length))}
	}
	programs, err := model.NewGeneration(o.Model, w.tokenizer.Vocabulary.Size(), o.SequenceLength)
	if err != nil {
		return err
	}
	parameters, err := w.parameters(programs.Beginning)
	if err != nil {
		return err
	}
	g := writer{worker: w, options: o}
	g.generator, err = inference.NewGenerator(w.device, programs, parameters)
	if missing := (*device.MissingKernelError)(nil); errors.As(err, &missing) {
		return console.Hint(err, "--device cpu generates with every model of target lm")
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(w.status, "Run      %s\n", w.device.Name())
	return o.predict(streams.Out, func(out io.Writer) error { return g.run(ctx, out) })
}

// writer continues lines.
type writer struct {
	*worker
	options   *generateOptions
	generator *inference.Generator
	number    int // of lines that were read
	made      int64
}

func (g *writer) run(ctx context.Context, out io.Writer) error {
	start := time.Now()
	splitter := g.tokenizer.New()
	_, err := eachLines(ctx, g.options.TestPath, g.status, func(lines []line) error {
		for _, l := range lines {
			if err := g.write(ctx, splitter, l, out); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && g.made > 0 {
		fmt.Fprintf(g.status, "Written  %s, %.1f tokens/s\n", counted(g.made, "token"), float64(g.made)/time.Since(start).Seconds())
	}
	return err
}

// write continues one line.
func (g *writer) write(ctx context.Context, splitter tokenizer.Tokenizer, l line, out io.Writer) error {
	o, v := g.options, g.tokenizer.Vocabulary
	text := splitter.AppendIDs([]int32{v.Class}, l.text)
	if len(text) >= o.SequenceLength {
		return console.Hint(l.wrap(fmt.Errorf("%s leave no room for more: --seq_length is %d",
			counted(int64(len(text)), "token"), o.SequenceLength)), "pass a larger --seq_length, or a shorter line")
	}
	draw := random.NewStream()
	draw.Reset(o.Seed, g.number)
	g.number++
	all, err := g.generator.Continue(ctx, slices.Clone(text), o.SequenceLength, o.Sampler, draw, v.Separator)
	if err != nil {
		return err
	}
	g.made += int64(len(all) - len(text))
	made := all[len(text):]
	if !o.JSON {
		_, err = fmt.Fprintln(out, oneLine(g.tokenizer.Text(all[1:])))
		return err
	}
	result := generatedJSON{Text: l.text, Generated: g.tokenizer.Text(made), Tokens: []string{}}
	for _, id := range made {
		result.Tokens = append(result.Tokens, v.Token(id))
	}
	return json.NewEncoder(out).Encode(result)
}

// oneLine keeps a text in one line.
func oneLine(text string) string {
	return strings.NewReplacer("\r\n", " ", "\n", " ", "\r", " ").Replace(text)
}

// generatedJSON is a line and what was written after it.
type generatedJSON struct {
	Text      string   `json:"text"`
	Generated string   `json:"generated"`
	Tokens    []string `json:"tokens"` // of Generated
}
