package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"uer/internal/console"
	"uer/internal/inference"
	"uer/internal/model"
)

type embedOptions struct {
	inferenceOptions
	Layer int
}

const embedExamples = `  # a vector for each line, as a NumPy array [lines, hidden_size]
  uer embed --load_model_path models/output_model.bin-100000 \
            --test_path lines.txt --prediction_path lines.npy

  # the mean of all tokens, after the last layer but one, as lines of JSON
  uer embed --load_model_path models/output_model.bin-100000 --pooling mean \
            --layer -2 --test_path lines.txt > lines.jsonl`

func newEmbed(streams Streams) *cobra.Command {
	o := &embedOptions{}
	return newInference("embed", "Turn lines of text into vectors",
		"Print a vector for each line of text: the encoding of its first token, or the mean or maximum of all. The file of\n"+
			"results is a NumPy array if its name ends in .npy, and lines of JSON otherwise. Lines that are too long are cut.",
		embedExamples, &o.inferenceOptions, streams,
		func(flags *pflag.FlagSet) {
			text := o.addTextFlags(flags, "the vectors")
			pooling := flags.Lookup("pooling")
			pooling.Hidden, pooling.Usage = false, "how a text is reduced to one vector"
			text.Int(&o.Layer, "layer", -1, -1<<16, "layer whose output is taken, from 1; from the last one, -1, if negative")
		},
		func(command *cobra.Command) error { return o.run(command.Context(), streams) })
}

func (o *embedOptions) run(ctx context.Context, streams Streams) (err error) {
	if err := o.chooseLayer(); err != nil {
		return err
	}
	w, err := o.open(streams.Err)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.device.Close()) }()
	limits := w.limits()
	output, err := model.NewEncoding(o.Model, w.tokenizer.Vocabulary.Size(), limits, o.Pooling)
	if err != nil {
		return err
	}
	runner, err := w.runner(output, limits)
	if err != nil {
		return err
	}
	e := embedder{options: o, worker: w, runner: runner, width: output.Width}
	return o.predict(streams.Out, func(out io.Writer) error { return e.run(ctx, out) })
}

// chooseLayer leaves the layers after the chosen one out of the model.
func (o *embedOptions) chooseLayer() error {
	layer, layers := o.Layer, o.Model.LayersNumber
	if layer < 0 {
		layer += layers + 1
	}
	if layer < 1 || layer > layers {
		return console.UsageError{Err: fmt.Errorf("--layer %d: the model has %s, numbered from 1, or from -1 backwards",
			o.Layer, counted(int64(layers), "layer"))}
	}
	o.Model.LayersNumber, o.partial = layer, layer < layers
	return nil
}

type embedder struct {
	options *embedOptions
	*worker
	runner  *inference.Runner
	width   int
	vectors []float32 // of all lines, for NumPy
	cut     int       // lines that were too long
}

func (e *embedder) run(ctx context.Context, out io.Writer) error {
	numpy := filepath.Ext(e.options.PredictionPath) == ".npy"
	buffered := bufio.NewWriter(out)
	blank, err := eachLines(ctx, e.options.TestPath, e.status, func(lines []line) error {
		vectors, err := e.embed(ctx, lines)
		if err != nil || numpy {
			e.vectors = append(e.vectors, vectors...)
			return err
		}
		encoder := json.NewEncoder(buffered)
		for i, l := range lines {
			if err := encoder.Encode(vectorJSON{l.text, vectors[i*e.width:][:e.width]}); err != nil {
				return err
			}
		}
		return buffered.Flush()
	})
	if err != nil {
		return err
	}
	if e.cut > 0 {
		fmt.Fprintf(e.status, "Note     %s cut to %s\n", counted(int64(e.cut), "line"), counted(int64(e.length), "token"))
	}
	if blank > 0 {
		fmt.Fprintf(e.status, "Note     %s left out\n", counted(int64(blank), "blank line"))
	}
	if numpy {
		return writeNumpy(out, e.vectors, e.width)
	}
	return nil
}

type vectorJSON struct {
	Text   string    `json:"text"`
	Vector []float32 `json:"vector"`
}

// embed returns the vectors of some lines, [lines, width]. Each line is read as [CLS] text, as UER-py does.
func (e *embedder) embed(ctx context.Context, lines []line) ([]float32, error) {
	splitter := e.tokenizer.New()
	sequences := make([]inference.Sequence, len(lines))
	for i, l := range lines {
		ids := splitter.AppendIDs([]int32{e.tokenizer.Vocabulary.Class}, l.text)
		if len(ids) > e.length {
			ids = ids[:e.length]
			e.cut++
		}
		sequences[i].Tokens = ids
	}
	vectors := make([]float32, len(lines)*e.width)
	err := e.runner.Run(ctx, sequences, func(i int, row []float32) error {
		copy(vectors[i*e.width:], row)
		return nil
	})
	return vectors, err
}
