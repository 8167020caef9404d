package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"uer/internal/console"
	"uer/internal/inference"
	"uer/internal/random"
	"uer/internal/task"
	"uer/internal/tokenizer"
)

// writer writes a text for each line.
type writer struct {
	*worker
	options   *generateOptions
	task      task.Task
	outputs   *tokenizer.Model // of what is written
	generator *inference.Generator

	split, splitOutput tokenizer.Tokenizer

	number   int   // of lines that were read
	unlearnt int   // of them, those whose answers begin with a token that training does not predict
	cut      int   // of them, those that were too long
	made     int64 // tokens
}

func (g *writer) run(ctx context.Context, out io.Writer) error {
	start := time.Now()
	g.split, g.splitOutput = g.tokenizer.New(), g.outputs.New()
	_, err := eachLines(ctx, g.options.TestPath, g.status, func(lines []line) error {
		for _, l := range lines {
			if err := g.write(ctx, l, out); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && g.cut > 0 {
		fmt.Fprintf(g.status, "Note     %s cut to %s\n", counted(int64(g.cut), "line"),
			counted(int64(g.options.SequenceLength), "token"))
	}
	if err == nil && g.unlearnt > 0 && g.options.trainedHere {
		fmt.Fprintf(g.status, "Note     %s without the first token of the answer, which models of %s do not learn to predict;\n"+
			"         it may follow the source after a tab\n", counted(int64(g.unlearnt), "line"), g.task.Name)
	}
	if err == nil && g.made > 0 {
		fmt.Fprintf(g.status, "Written  %s, %.1f tokens/s\n", counted(g.made, "token"), float64(g.made)/time.Since(start).Seconds())
	}
	return err
}

// write writes one text.
func (g *writer) write(ctx context.Context, l line, out io.Writer) error {
	from, total, err := g.beginning(l)
	if err != nil {
		return err
	}
	draw := random.NewStream()
	draw.Reset(g.options.Seed, g.number)
	g.number++
	text, err := g.generator.Continue(ctx, from, total, g.options.Sampler, draw, g.outputs.Vocabulary.Separator)
	if err != nil {
		return err
	}
	made := text[len(from.Tokens):]
	g.made += int64(len(made))
	if !g.options.JSON {
		_, err = fmt.Fprintln(out, oneLine(g.outputs.Text(text[max(1, from.First):])))
		return err
	}
	result := generatedJSON{Text: l.text, Generated: g.outputs.Text(made), Tokens: []string{}}
	for _, id := range made {
		result.Tokens = append(result.Tokens, g.outputs.Vocabulary.Token(id))
	}
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false) // <extra_id_0> stays as it is
	return encoder.Encode(result)
}

// beginning is what a line begins as in the training of the model, and the most tokens of the text: [CLS] line; in pairs,
// [CLS] source [SEP] and, after a tab, the beginning of the target; with a decoder, [CLS] source [SEP] for the encoder, which
// is cut as UER-py does, and [CLS] with the beginning of the target.
func (g *writer) beginning(l line) (from inference.Beginning, total int, err error) {
	v, length, source, target := g.tokenizer.Vocabulary, g.options.SequenceLength, l.text, ""
	if g.task.Corpus == task.PairLines {
		source, target, _ = strings.Cut(l.text, "\t")
	}
	ids := g.appendSource([]int32{v.Class}, source)
	if g.task.Decoder || g.task.Corpus == task.PairLines {
		ids = append(ids, v.Separator)
	}
	flag, begun := "--seq_length", ids
	if g.task.Decoder {
		if len(ids) > length {
			ids = ids[:length]
			g.cut++
		}
		from.Source = ids
		flag, length, begun = "--tgt_seq_length", g.options.OutputLength, []int32{g.outputs.Vocabulary.Class}
	} else if g.task.Corpus == task.PairLines {
		from.First = len(ids)
	}
	from.Tokens = g.splitOutput.AppendIDs(begun, target)
	if from.First == len(from.Tokens) {
		g.unlearnt++
	}
	if n := len(from.Tokens); n >= length {
		err = console.Hint(l.wrap(fmt.Errorf("%s leave no room for more: %s is %d", counted(int64(n), "token"), flag, length)),
			fmt.Sprintf("pass a larger %s, or a shorter line", flag))
	}
	return from, length, err
}

var sentinelPattern = regexp.MustCompile(`<extra_id_\d+>`)

// appendSource appends the tokens of a text, in which a model that was trained with sentinels finds those that the text names.
func (g *writer) appendSource(ids []int32, text string) []int32 {
	if !g.task.Decoder || !g.task.Masked {
		return g.split.AppendIDs(ids, text)
	}
	done := 0
	for _, at := range sentinelPattern.FindAllStringIndex(text, -1) {
		if id, found := g.tokenizer.Vocabulary.Lookup(text[at[0]:at[1]]); found {
			ids = append(g.split.AppendIDs(ids, text[done:at[0]]), id)
			done = at[1]
		}
	}
	return g.split.AppendIDs(ids, text[done:])
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
