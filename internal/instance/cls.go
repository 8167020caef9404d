package instance

import (
	"fmt"
	"strconv"
	"strings"

	"uer/internal/console"
	"uer/internal/corpus"
	"uer/internal/random"
	"uer/internal/task"
)

// tokenizeLabelled reads a label and one or two texts, separated by tabs. It skips lines with another number of columns.
func tokenizeLabelled(w *worker, text corpus.Document) error {
	line := text.Sentences[0]
	columns := strings.Split(strings.TrimSpace(line), "\t")
	if len(columns) < 2 || len(columns) > 3 {
		w.skip(line)
		return nil
	}
	label, err := strconv.ParseUint(strings.TrimSpace(columns[0]), 10, 31)
	if err != nil {
		err := fmt.Errorf("label %q: must be a number from 0", columns[0])
		return console.Hint(err, fmt.Sprintf("the form is %s, without a line of column names", task.LabelLines))
	}
	d := &w.document
	d.label = int32(label)
	for _, column := range columns[1:] {
		d.tokens = w.tokenizer.AppendIDs(d.tokens, column)
		d.closeSentence()
	}
	if len(d.tokens) == 0 {
		w.skip(line)
	}
	return nil
}

// buildCLS makes [CLS] a or [CLS] a [SEP] b [SEP], cut to the sequence length.
func buildCLS(w *worker, documents []document, i int, _ random.Generator) {
	d, v := &documents[i], w.settings.Vocabulary
	sequence := append(append(w.sequence[:0], v.Class), d.between(0, 1)...)
	ends := w.segments(int32(len(sequence)))
	if len(d.ends) == 2 {
		sequence = append(sequence, v.Separator)
		ends[0]++
		sequence = append(append(sequence, d.between(1, 2)...), v.Separator)
		ends = w.segments(ends[0], int32(len(sequence)))
	}
	w.sequence = sequence
	length := min(len(sequence), w.settings.SequenceLength)
	w.cut(len(d.tokens) - d.kept(length))
	for i := range ends {
		ends[i] = min(ends[i], int32(length))
	}
	w.add(task.Instance{Tokens: sequence[:length], Ends: ends, Label: d.label}, nil)
}

// kept is the number of the tokens of one or two texts that are among the first of [CLS] a or [CLS] a [SEP] b [SEP].
func (d *document) kept(length int) int {
	a := len(d.between(0, 1))
	return min(a, length-1) + max(0, min(len(d.tokens)-a, length-2-a))
}
