package batch

import "uer/internal/task"

// Adder appends instances to a batch as a target reads them. What they hold is in [task.Task].
type Adder struct {
	add     func(a *assembler, b *Batch, x *task.Instance) error
	prepare func(a *assembler) error // called once before; nil if there is nothing to prepare
}

// ByTarget holds the adders by target.
var ByTarget = map[string]Adder{
	"mlm":      {add: addMasked},
	"bert":     {add: addMaskedPair},
	"albert":   {add: addMaskedPair},
	"lm":       {add: addNext},
	"prefixlm": {add: addContinuation},
	"bilm":     {add: addNeighbours},
	"cls":      {add: addLabelled},
	"seq2seq":  {add: addPair},
	"t5":       {add: addCollapsed, prepare: prepareT5},
}

// addInputs appends what the encoder reads and returns the index of its first token.
func (a *assembler) addInputs(b *Batch, tokens, ends []int32) int {
	length := 0
	if a.KeepPadding {
		length = b.SequenceLength
	}
	return b.Sequences.add(tokens, ends, (a.Rank*a.BatchSize+len(b.Lengths))*b.SequenceLength, length)
}

// addOutput appends what the decoder reads, which predicts the output from its second token on. A token beyond the
// output length is only predicted.
func (a *assembler) addOutput(b *Batch, output []int32) {
	n := min(len(output), a.outputLength)
	first := b.Output.add(output, []int32{int32(n)}, (a.Rank*a.BatchSize+len(b.Output.Lengths))*a.outputLength, 0)
	for i := 1; i < len(output); i++ {
		b.Predicted, b.Labels = predict(b.Predicted, b.Labels, first+i-1, output[i], a.TargetVocabulary.Padding)
	}
}

// masks returns the masks of an instance, after drawing them if the dataset holds none.
func (a *assembler) masks(x *task.Instance) []task.Mask {
	if a.dataset.Metadata.Dynamic {
		x.Masks = a.Masker.Mask(x.Tokens, a.generator, x.Masks[:0])
	}
	return x.Masks
}

// addMasked predicts the masked tokens.
func addMasked(a *assembler, b *Batch, x *task.Instance) error {
	masks := a.masks(x)
	first := a.addInputs(b, x.Tokens, x.Ends)
	for _, mask := range masks {
		b.Predicted, b.Labels = predict(b.Predicted, b.Labels, first+int(mask.Position), mask.ID, a.Vocabulary.Padding)
	}
	return nil
}

// addMaskedPair predicts the masked tokens and the label of the pair.
func addMaskedPair(a *assembler, b *Batch, x *task.Instance) error {
	b.SentenceLabels = append(b.SentenceLabels, x.Label)
	return addMasked(a, b, x)
}

// addNext predicts from each token the next one.
func addNext(a *assembler, b *Batch, x *task.Instance) error {
	a.addNextFrom(b, x, 0)
	return nil
}

// addContinuation predicts from each token after the first segment the next one.
func addContinuation(a *assembler, b *Batch, x *task.Instance) error {
	a.addNextFrom(b, x, int(x.Ends[0]))
	return nil
}

func (a *assembler) addNextFrom(b *Batch, x *task.Instance, from int) {
	first := a.addInputs(b, x.Tokens, x.Ends)
	for i := from + 1; i < len(x.Tokens); i++ {
		b.Predicted, b.Labels = predict(b.Predicted, b.Labels, first+i-1, x.Tokens[i], a.Vocabulary.Padding)
	}
}

// addNeighbours predicts from each token the next one, forwards, and the previous one, backwards.
func addNeighbours(a *assembler, b *Batch, x *task.Instance) error {
	inputs := x.Tokens[1 : len(x.Tokens)-1]
	first := a.addInputs(b, inputs, x.Ends)
	for i := range inputs {
		b.Predicted, b.Labels = predict(b.Predicted, b.Labels, first+i, x.Tokens[i+2], a.Vocabulary.Padding)
		b.BackwardPredicted, b.BackwardLabels = predict(b.BackwardPredicted, b.BackwardLabels, first+i, x.Tokens[i], a.Vocabulary.Padding)
	}
	return nil
}

// addLabelled predicts the label of the text.
func addLabelled(a *assembler, b *Batch, x *task.Instance) error {
	a.addInputs(b, x.Tokens, x.Ends)
	b.SentenceLabels = append(b.SentenceLabels, x.Label)
	return nil
}

// addPair predicts the second text from the first.
func addPair(a *assembler, b *Batch, x *task.Instance) error {
	a.addInputs(b, x.Tokens, x.Ends)
	a.addOutput(b, x.Output)
	return nil
}
