package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"uer/internal/console"
	"uer/internal/inference"
	"uer/internal/model"
	"uer/internal/vocab"
)

type scoreOptions struct{ inferenceOptions }

const scoreExamples = `  # perplexity, negative log likelihood and tokens of each line
  uer score --load_model_path models/output_model.bin-100000 \
            --test_path lines.txt

  # the sentences that a model finds the strangest, first
  uer score --load_model_path models/output_model.bin-100000 \
            --test_path lines.txt | sort -gr | head`

func newScore(streams Streams) *cobra.Command {
	o := &scoreOptions{}
	return newInference("score", "Compute how likely a model finds lines of text",
		"Print for each line of text its perplexity, its negative log likelihood, its number of tokens and the text, with tabs\n"+
			"between them. A model of target lm gives each token, and the end of the line, a probability after those before it. For\n"+
			"a model that fills masks, each token is masked in turn, which gives the pseudo-likelihood of Salazar et al. (2020).",
		scoreExamples, &o.inferenceOptions, streams,
		func(flags *pflag.FlagSet) {
			text := o.addTextFlags(flags, "the scores")
			text.Bool(&o.JSON, "json", "print a line of JSON for each line of text")
		},
		func(command *cobra.Command) error { return o.run(command.Context(), streams) })
}

func (o *scoreOptions) run(ctx context.Context, streams Streams) (err error) {
	head := headOf[o.Model.Target]
	if head == "" {
		return console.UsageError{Err: console.Hint(fmt.Errorf("a model of target %s cannot score text", o.Model.Target),
			"models of lm, mlm, bert and albert can")}
	}
	w, err := o.open(streams.Err)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.device.Close()) }()
	if head == "mlm" && w.tokenizer.Vocabulary.Mask == vocab.Absent {
		return console.Hint(fmt.Errorf("%s has no mask token", o.Source.Path()), "name it in the file of --special_tokens_map")
	}
	limits := w.limits()
	output, err := model.NewLogits(o.Model, w.tokenizer.Vocabulary.Size(), limits, head)
	if err != nil {
		return err
	}
	runner, err := w.runner(output, limits)
	if err != nil {
		return err
	}
	s := scorer{worker: w, runner: runner, masked: head == "mlm", json: o.JSON}
	return o.predict(streams.Out, func(out io.Writer) error {
		buffered := bufio.NewWriter(out)
		_, err := eachLines(ctx, o.TestPath, streams.Err, func(lines []line) error {
			if err := s.score(ctx, lines, buffered); err != nil {
				return err
			}
			return buffered.Flush()
		})
		if err == nil && s.total.tokens > 0 {
			fmt.Fprintf(streams.Err, "Total    %s, perplexity %.4f\n", counted(s.total.tokens, "token"), s.total.perplexity())
		}
		return err
	})
}

// scored is the sum over the tokens of a text, in nats.
type scored struct {
	tokens   int64
	negative float64 // the negative log likelihood
}

func (s scored) perplexity() float64 { return math.Exp(s.negative / float64(s.tokens)) }

type scorer struct {
	*worker
	runner *inference.Runner
	masked bool // each token in turn
	json   bool
	total  scored
}

// sequencesOf returns what a model reads to score a line, and the token that each prediction is to be compared with.
func (s *scorer) sequencesOf(l line, ids []int32) (sequences []inference.Sequence, labels [][]int32, err error) {
	v := s.tokenizer.Vocabulary
	if len(ids) == 0 {
		return nil, nil, l.wrap(errors.New("there is no token to score"))
	}
	text := append(append([]int32{v.Class}, ids...), v.Separator)
	if !s.masked { // each token but the first is predicted by those before
		sequence := inference.Sequence{Tokens: text[:len(text)-1]}
		for place := range sequence.Tokens {
			sequence.Predicted = append(sequence.Predicted, int32(place))
		}
		return []inference.Sequence{sequence}, [][]int32{text[1:]}, s.checkLength(l, len(sequence.Tokens))
	}
	for i, id := range ids {
		tokens := slices.Clone(text)
		tokens[i+1] = v.Mask
		sequences = append(sequences, inference.Sequence{Tokens: tokens, Predicted: []int32{int32(i + 1)}})
		labels = append(labels, []int32{id})
	}
	return sequences, labels, s.checkLength(l, len(text))
}

// score scores some lines, a part of them at a time: a masked line is read as often as it has tokens.
func (s *scorer) score(ctx context.Context, lines []line, out io.Writer) error {
	const most = 1 << 20 // tokens at a time
	splitter := s.tokenizer.New()
	var sequences []inference.Sequence
	var labels [][]int32
	var owner []int // the line of each sequence
	tokens, first := 0, 0
	for i, l := range lines {
		read, wanted, err := s.sequencesOf(l, splitter.AppendIDs(nil, l.text))
		if err != nil {
			return err
		}
		for _, sequence := range read {
			tokens += len(sequence.Tokens)
			owner = append(owner, i-first)
		}
		sequences, labels = append(sequences, read...), append(labels, wanted...)
		if tokens < most && i < len(lines)-1 {
			continue
		}
		if err := s.write(ctx, lines[first:i+1], sequences, labels, owner, out); err != nil {
			return err
		}
		sequences, labels, owner, tokens, first = nil, nil, nil, 0, i+1
	}
	return nil
}

// write scores lines by their sequences, and writes the scores.
func (s *scorer) write(ctx context.Context, lines []line, sequences []inference.Sequence, labels [][]int32, owner []int,
	out io.Writer) error {
	size := s.tokenizer.Vocabulary.Size()
	parts := make([]float64, len(sequences))
	err := s.runner.Run(ctx, sequences, func(i int, rows []float32) error {
		for n, label := range labels[i] {
			parts[i] -= inference.LogProbability(rows[n*size:][:size], label)
		}
		return nil
	})
	if err != nil {
		return err
	}
	sums := make([]scored, len(lines))
	for i, part := range parts {
		sums[owner[i]].negative += part
		sums[owner[i]].tokens += int64(len(labels[i]))
	}
	for i, sum := range sums {
		s.total.negative, s.total.tokens = s.total.negative+sum.negative, s.total.tokens+sum.tokens
		if s.json {
			err = json.NewEncoder(out).Encode(scoreJSON{lines[i].text, sum.tokens, sum.negative, finite(sum.perplexity())})
		} else {
			_, err = fmt.Fprintf(out, "%.4f\t%.4f\t%d\t%s\n", sum.perplexity(), sum.negative, sum.tokens, lines[i].text)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

type scoreJSON struct {
	Text       string   `json:"text"`
	Tokens     int64    `json:"tokens"`
	Negative   float64  `json:"negative_log_likelihood"`
	Perplexity *float64 `json:"perplexity"` // null if it is too large for a number
}

func finite(x float64) *float64 {
	if math.IsInf(x, 0) {
		return nil
	}
	return &x
}
