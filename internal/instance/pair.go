package instance

import (
	"strings"

	"uer/internal/corpus"
	"uer/internal/random"
	"uer/internal/task"
)

// tokenizePair reads a source and a target, separated by a tab, as two sentences. It skips lines with another number of
// columns, without a source or without a target.
func tokenizePair(w *worker, text corpus.Document) error {
	line := text.Sentences[0]
	source, target, found := strings.Cut(line, "\t")
	d := &w.document
	d.tokens = w.tokenizer.AppendIDs(d.tokens, source)
	d.closeSentence()
	d.tokens = w.targetTokenizer.AppendIDs(d.tokens, target)
	d.closeSentence()
	if !found || strings.Contains(target, "\t") || d.ends[0] == 0 || d.ends[1] == d.ends[0] {
		w.skip(line)
	}
	return nil
}

// cut counts tokens of the text that are left out of the instances.
func (w *worker) cut(tokens int) { w.portion.statistics.Cut += int64(tokens) }

// skip drops a line of the wrong form and counts it unless it is blank: blank lines may stand anywhere.
func (w *worker) skip(line string) {
	w.document.tokens = w.document.tokens[:0]
	if strings.TrimSpace(line) != "" {
		w.portion.statistics.Skipped++
	}
}

// buildSeq2Seq makes the source the encoder's input and the target the decoder's output, each between [CLS] and [SEP].
func buildSeq2Seq(w *worker, documents []document, i int, _ random.Generator) {
	d, v, outputs := &documents[i], w.settings.Vocabulary, w.settings.TargetVocabulary
	sequence := append(append(append(w.sequence[:0], v.Class), d.between(0, 1)...), v.Separator)
	source := len(sequence)
	sequence = append(append(append(sequence, outputs.Class), d.between(1, 2)...), outputs.Separator)
	w.sequence = sequence
	input := sequence[:min(source, w.settings.SequenceLength)]
	w.cut(max(source-1-len(input), 0))
	output := sequence[source:min(len(sequence), source+w.settings.TargetSequenceLength+1)]
	w.cut(max(len(sequence)-1-source-len(output), 0))
	w.add(task.Instance{Tokens: input, Ends: w.segments(int32(len(input))), Output: output}, nil)
}

// buildPrefixLM makes one sequence of source and target. It skips a source that leaves no room for the target.
func buildPrefixLM(w *worker, documents []document, i int, _ random.Generator) {
	d, v := &documents[i], w.settings.Vocabulary
	sequence := append(append(append(w.sequence[:0], v.Class), d.between(0, 1)...), v.Separator)
	source := len(sequence)
	sequence = append(append(sequence, d.between(1, 2)...), v.Separator)
	w.sequence = sequence
	length := w.settings.SequenceLength
	if source >= length {
		w.portion.statistics.Skipped++
		w.cut(len(d.tokens))
		return
	}
	w.cut(max(len(sequence)-1-(length+1), 0)) // [SEP] at the end is no text
	ends := w.segments(int32(source), int32(min(len(sequence), length)))
	w.add(task.Instance{Tokens: sequence[:min(len(sequence), length+1)], Ends: ends}, nil)
}
