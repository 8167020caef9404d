package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"uer/internal/console"
	"uer/internal/inference"
	"uer/internal/model"
	"uer/internal/registry"
	"uer/internal/tokenizer"
	"uer/internal/vocab"
)

type fillOptions struct {
	inferenceOptions
	TopN int
}

const fillExamples = `  # lines from the keyboard, by the model of make demo
  uer fill --load_model_path build/demo_model.bin-3000 --topn 5

  # a file of lines, the results in JSON
  uer fill --load_model_path models/output_model.bin-100000 \
           --test_path lines.txt --prediction_path filled.jsonl --json

  # a state dict of UER-py
  uer fill --load_model_path models/google_zh_model.bin \
           --config_path models/bert/base_config.json --target bert \
           --vocab_path models/google_zh_vocab.txt --test_path lines.txt`

func newFill(streams Streams) *cobra.Command {
	o := &fillOptions{}
	return newInference("fill", "Fill the masks in lines of text",
		"Print the likeliest tokens for each [MASK] in lines of text, with their probabilities. Each line may have several masks,\n"+
			"each of which is filled for itself.", fillExamples, &o.inferenceOptions, streams,
		func(flags *pflag.FlagSet) {
			text := o.addTextFlags(flags, "the results")
			text.Int(&o.TopN, "topn", 10, 1, "number of tokens for each mask")
			text.Bool(&o.JSON, "json", "print a line of JSON for each line of text")
		},
		func(command *cobra.Command) error { return o.run(command.Context(), streams) })
}

// masked is a line with masks.
type masked struct {
	line
	inference.Sequence
	filled [][]inference.Candidate // for each mask
}

func (o *fillOptions) run(ctx context.Context, streams Streams) (err error) {
	filling := registry.Which(headOf, func(head string) bool { return head == "mlm" })
	if err := requireTarget(o.Model.Target, filling, "fill masks",
		"uer generate writes text with models of target "+strings.Join(writing, ", ")); err != nil {
		return err
	}
	w, err := o.open(streams.Err)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.device.Close()) }()
	if w.tokenizer.Vocabulary.Mask == vocab.Absent {
		return console.Hint(fmt.Errorf("%s has no mask token", o.Source.Path()), "name it in the file of --special_tokens_map")
	}
	limits := w.limits()
	output, err := model.NewLogits(o.Model, w.tokenizer.Vocabulary.Size(), limits, "mlm")
	if err != nil {
		return err
	}
	runner, err := w.runner(output, limits)
	if err != nil {
		return err
	}
	return o.predict(streams.Out, func(out io.Writer) error {
		_, err := eachLines(ctx, o.TestPath, streams.Err, func(lines []line) error {
			return o.fill(ctx, w, runner, lines, out)
		})
		return err
	})
}

// fill fills the masks of some lines.
func (o *fillOptions) fill(ctx context.Context, w *worker, runner *inference.Runner, lines []line, out io.Writer) error {
	splitter := w.tokenizer.New()
	texts, sequences := make([]masked, len(lines)), make([]inference.Sequence, len(lines))
	for i, l := range lines {
		s, err := w.maskedSequence(splitter, l)
		if err != nil {
			return err
		}
		texts[i], sequences[i] = masked{line: l, Sequence: s}, s
	}
	size := w.tokenizer.Vocabulary.Size()
	err := runner.Run(ctx, sequences, func(i int, rows []float32) error {
		for scores := range slices.Chunk(rows, size) {
			texts[i].filled = append(texts[i].filled, inference.Top(scores, o.TopN))
		}
		return nil
	})
	if err != nil {
		return err
	}
	var text bytes.Buffer
	for i := range texts {
		if o.JSON {
			err = json.NewEncoder(&text).Encode(texts[i].json(w.tokenizer))
		} else {
			texts[i].print(&text, w.tokenizer)
		}
		if err != nil {
			return err
		}
	}
	_, err = out.Write(text.Bytes())
	return err
}

// maskedSequence makes [CLS] text [SEP] of a line, with the masks that it names.
func (w *worker) maskedSequence(splitter tokenizer.Tokenizer, l line) (inference.Sequence, error) {
	v := w.tokenizer.Vocabulary
	const usual = "[MASK]"
	own := v.Token(v.Mask)
	s := inference.Sequence{Tokens: []int32{v.Class}}
	for i, piece := range strings.Split(strings.ReplaceAll(l.text, own, usual), usual) {
		if i > 0 {
			s.Predicted = append(s.Predicted, int32(len(s.Tokens)))
			s.Tokens = append(s.Tokens, v.Mask)
		}
		s.Tokens = splitter.AppendIDs(s.Tokens, piece)
	}
	s.Tokens = append(s.Tokens, v.Separator)
	if s.Predicted == nil {
		return s, console.Hint(l.wrap(errors.New("there is no mask to fill")), "write "+own+" where a token is missing")
	}
	return s, w.checkLength(l, len(s.Tokens))
}

// checkLength rejects a line that is too long for the model.
func (w *worker) checkLength(l line, tokens int) error {
	if tokens <= w.length {
		return nil
	}
	return console.Hint(l.wrap(fmt.Errorf("%s are too many: the model takes %s", counted(int64(tokens), "token"),
		console.Count(w.length))), "divide the line")
}

// print writes the line and, for each mask, the tokens with their probabilities.
func (m *masked) print(w io.Writer, t *tokenizer.Model) {
	fmt.Fprintln(w, m.text)
	for _, list := range m.filled {
		for _, c := range list {
			fmt.Fprintf(w, "  %.4f  %s\n", c.Probability, t.Vocabulary.Token(c.Token))
		}
		fmt.Fprintln(w)
	}
}

type filledJSON struct {
	Text  string     `json:"text"`
	Masks []maskJSON `json:"masks"`
}

type maskJSON struct {
	Position   int             `json:"position"` // of the token in [CLS] text [SEP], from 0
	Candidates []candidateJSON `json:"candidates"`
}

type candidateJSON struct {
	Token       string  `json:"token"`
	ID          int32   `json:"id"`
	Probability float64 `json:"probability"`
}

func (m *masked) json(t *tokenizer.Model) filledJSON {
	f := filledJSON{Text: m.text}
	for i, list := range m.filled {
		mask := maskJSON{Position: int(m.Predicted[i])}
		for _, c := range list {
			mask.Candidates = append(mask.Candidates, candidateJSON{t.Vocabulary.Token(c.Token), c.Token, c.Probability})
		}
		f.Masks = append(f.Masks, mask)
	}
	return f
}

// headOf maps targets to the head of their models that predicts tokens where that is all a command needs.
var headOf = map[string]string{"mlm": "mlm", "bert": "mlm", "albert": "mlm", "lm": "lm"}

// requireTarget rejects a model that cannot do what a command is for.
func requireTarget(trained string, able []string, purpose, hint string) error {
	if slices.Contains(able, trained) {
		return nil
	}
	return console.UsageError{Err: console.Hint(fmt.Errorf("a model of target %s cannot %s: those of %s can", trained, purpose,
		strings.Join(able, ", ")), hint)}
}
