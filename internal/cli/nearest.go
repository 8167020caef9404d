package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"uer/internal/config"
	"uer/internal/console"
	"uer/internal/exchange"
	"uer/internal/inference"
	"uer/internal/vocab"
)

type nearestOptions struct {
	inferenceOptions
	TopN  int
	words []string
}

const nearestExamples = `  # the words whose vectors are the most similar to that of a word
  uer nearest 书 --load_model_path build/demo_model.bin-3000 --topn 5

  # of a state dict and its vocabulary, for words in lines
  uer nearest --load_model_path models/google_zh_model.bin \
              --vocab_path models/google_zh_vocab.txt < words.txt`

func newNearest(streams Streams) *cobra.Command {
	o := &nearestOptions{}
	command := newCommand("nearest", "Find the words that are nearest to a word",
		"Print the tokens of the vocabulary whose vectors in the word table are the most similar to that of each WORD, with the\n"+
			"cosine of the angle between them. Without a WORD, words are read from lines.",
		func(command *cobra.Command) error { return o.run(command.Context(), streams) })
	command.Use = "nearest [WORD ...] --FLAG VALUE ..."
	command.Args = func(_ *cobra.Command, arguments []string) error {
		o.words = arguments
		return nil
	}
	command.Example = nearestExamples
	o.addFlags(command.Flags())
	return command
}

func (o *nearestOptions) addFlags(flags *pflag.FlagSet) {
	paths := config.NewGroup(flags, "Paths")
	paths.Text(&o.LoadModelPath, "load_model_path", "", loadModelUsage)
	addVocabularyFlags(paths, &o.Source, "", "")
	paths.Require("load_model_path")
	text := o.addTextFlags(flags, "the words")
	text.Int(&o.TopN, "topn", 15, 1, "number of tokens for each word")
	text.Bool(&o.JSON, "json", "print a line of JSON for each word")
}

func (o *nearestOptions) run(ctx context.Context, streams Streams) error {
	if err := o.checkPrediction(); err != nil {
		return err
	}
	n, err := o.open(streams.Err)
	if err != nil {
		return err
	}
	return o.predict(streams.Out, func(out io.Writer) error {
		for _, word := range o.words {
			if err := n.write(word, out); err != nil {
				return err
			}
		}
		if len(o.words) > 0 {
			return nil
		}
		_, err := eachLines(ctx, o.TestPath, streams.Err, func(lines []line) error {
			for _, l := range lines {
				if err := n.write(strings.TrimSpace(l.text), out); err != nil {
					return l.wrap(err)
				}
			}
			return nil
		})
		return err
	})
}

// open reads the word table of the model and its vocabulary: the one of the training, unless a flag names one.
func (o *nearestOptions) open(status io.Writer) (*neighbourhood, error) {
	if o.Source.Path() == "" {
		made := settingsOf(o.LoadModelPath)
		o.Source.Vocabulary, o.Source.SentencePiece = made["vocab_path"], made["spm_model_path"]
		o.Source.Special = cmp.Or(o.Source.Special, made["special_tokens_map"])
	}
	vocabulary, err := readVocabulary(o.Source, status)
	if err != nil {
		return nil, err
	}
	source, err := exchange.Open(o.LoadModelPath)
	if err != nil {
		return nil, err
	}
	table := source.WordTable()
	switch {
	case table == nil:
		return nil, fmt.Errorf("%s: the model has no vectors of words", o.LoadModelPath)
	case table.Shape[0] != vocabulary.Size():
		return nil, console.Hint(fmt.Errorf("%s has vectors of %s tokens, but %s has %s", o.LoadModelPath,
			console.Count(table.Shape[0]), o.Source.Path(), console.Count(vocabulary.Size())),
			"pass the --vocab_path that the model was trained with")
	}
	return &neighbourhood{o, vocabulary, table.Data, table.Shape[1]}, nil
}

// neighbourhood finds the nearest words of a model.
type neighbourhood struct {
	options    *nearestOptions
	vocabulary *vocab.Vocabulary
	table      []float32 // [tokens, width]
	width      int
}

func (n *neighbourhood) write(word string, out io.Writer) error {
	id, found := n.vocabulary.Lookup(word)
	if !found {
		return console.Hint(fmt.Errorf("%q is not a token of %s", word, n.options.Source.Path()),
			"uer nearest compares single tokens; those of a text show in uer generate --json and uer fill")
	}
	list := inference.Nearest(n.table, n.width, id, n.options.TopN)
	if n.options.JSON {
		result := nearestJSON{Word: word}
		for _, other := range list {
			result.Nearest = append(result.Nearest, neighbourJSON{n.vocabulary.Token(other.Row), other.Row, other.Cosine})
		}
		return json.NewEncoder(out).Encode(result)
	}
	var text strings.Builder
	fmt.Fprintln(&text, word)
	for _, other := range list {
		fmt.Fprintf(&text, "  %.4f  %s\n", other.Cosine, n.vocabulary.Token(other.Row))
	}
	fmt.Fprintln(&text)
	_, err := io.WriteString(out, text.String())
	return err
}

type nearestJSON struct {
	Word    string          `json:"word"`
	Nearest []neighbourJSON `json:"nearest"`
}

type neighbourJSON struct {
	Token  string  `json:"token"`
	ID     int32   `json:"id"`
	Cosine float64 `json:"cosine"`
}
