package batch

import (
	"fmt"

	"uer/internal/instance"
	"uer/internal/masking"
	"uer/internal/vocab"
)

// adders appends an instance to a batch, as each target reads it.
var adders = map[string]func(a *assembler, b *Batch, x *instance.Instance) error{
	"mlm":      addMasked,
	"bert":     addMasked,
	"albert":   addMasked,
	"lm":       addNext,
	"prefixlm": addNext,
	"bilm":     addNeighbours,
	"cls":      addLabelled,
	"seq2seq":  addPair,
	"t5":       addCollapsed,
}

// addInputs appends what the encoder reads.
func (a *assembler) addInputs(b *Batch, tokens, ends []int32) int {
	length := 0
	if a.KeepPadding {
		length = b.SequenceLength
	}
	return b.Sequences.add(tokens, ends, (a.Rank*a.BatchSize+len(b.Lengths))*b.SequenceLength, length)
}

// addOutput appends what the decoder reads: the output, but for a token beyond its length, which is only predicted.
func (a *assembler) addOutput(b *Batch, output []int32) {
	n := min(len(output), a.outputLength)
	first := b.Output.add(output, []int32{int32(n)}, (a.Rank*a.BatchSize+len(b.Output.Lengths))*a.outputLength, 0)
	for i := 1; i < len(output); i++ {
		b.Predicted, b.Labels = predict(b.Predicted, b.Labels, first+i-1, output[i])
	}
}

// masks returns what is masked in the tokens, masking them now if they are not.
func (a *assembler) masks(x *instance.Instance) []masking.Target {
	if a.dataset.Metadata.Dynamic {
		x.Targets = a.Masker.Mask(x.Tokens, a.generator, x.Targets[:0])
	}
	return x.Targets
}

// addMasked: masked tokens are predicted; of bert and albert, the label of the pair, too.
func addMasked(a *assembler, b *Batch, x *instance.Instance) error {
	masks := a.masks(x)
	first := a.addInputs(b, x.Tokens, x.Ends)
	for _, mask := range masks {
		b.Predicted, b.Labels = predict(b.Predicted, b.Labels, first+int(mask.Position), mask.ID)
	}
	if a.Target != "mlm" {
		b.SentenceLabels = append(b.SentenceLabels, x.Label)
	}
	return nil
}

// addNext: each token of lm predicts the next one, of prefixlm each token of the target.
func addNext(a *assembler, b *Batch, x *instance.Instance) error {
	from := 0
	if a.Target == "prefixlm" {
		from = int(x.Ends[0])
	}
	first := a.addInputs(b, x.Tokens, x.Ends)
	for i := from + 1; i < len(x.Tokens); i++ {
		b.Predicted, b.Labels = predict(b.Predicted, b.Labels, first+i-1, x.Tokens[i])
	}
	return nil
}

// addNeighbours: each token predicts the next one forwards and the one before backwards.
func addNeighbours(a *assembler, b *Batch, x *instance.Instance) error {
	inputs := x.Tokens[1 : len(x.Tokens)-1]
	first := a.addInputs(b, inputs, x.Ends)
	for i := range inputs {
		b.Predicted, b.Labels = predict(b.Predicted, b.Labels, first+i, x.Tokens[i+2])
		b.BackwardPredicted, b.BackwardLabels = predict(b.BackwardPredicted, b.BackwardLabels, first+i, x.Tokens[i])
	}
	return nil
}

func addLabelled(a *assembler, b *Batch, x *instance.Instance) error {
	a.addInputs(b, x.Tokens, x.Ends)
	b.SentenceLabels = append(b.SentenceLabels, x.Label)
	return nil
}

func addPair(a *assembler, b *Batch, x *instance.Instance) error {
	a.addInputs(b, x.Tokens, x.Ends)
	a.addOutput(b, x.Output)
	return nil
}

// addCollapsed: in the text, each run of masked tokens becomes one sentinel; the output is [CLS], each sentinel
// followed by the tokens it stands for, one more sentinel, and [SEP] (Raffel et al., 2020).
func addCollapsed(a *assembler, b *Batch, x *instance.Instance) error {
	masks := a.masks(x)
	a.collapsed = a.collapsed[:0]
	a.output = append(a.output[:0], a.Vocabulary.Class)
	runs, after := 0, int32(-1) // after: the position behind the last masked token
	for position, token := range x.Tokens {
		if len(masks) == 0 || int(masks[0].Position) != position || masks[0].ID <= 0 {
			a.collapsed = append(a.collapsed, token)
		} else {
			if int32(position) != after {
				if runs+1 >= len(a.sentinels) {
					return fmt.Errorf("the vocabulary has only %d tokens from <extra_id_0> on, too few for its masks", len(a.sentinels))
				}
				a.collapsed = append(a.collapsed, a.sentinels[runs])
				a.output = append(a.output, a.sentinels[runs])
				runs++
			}
			a.output = append(a.output, masks[0].ID)
			after = int32(position) + 1
		}
		if len(masks) > 0 && int(masks[0].Position) == position {
			masks = masks[1:]
		}
	}
	a.output = append(a.output, a.sentinels[runs], a.Vocabulary.Separator)
	if len(a.output) > a.outputLength {
		return fmt.Errorf("%d masks in %d tokens, more than 15 %%", len(x.Targets), len(x.Tokens))
	}
	// UER-py fills the text up with padding, to its old length, that the encoder takes for text.
	for a.KeepPadding && len(a.collapsed) < len(x.Tokens) {
		a.collapsed = append(a.collapsed, a.Vocabulary.Padding)
	}
	x.Ends[0] = int32(len(a.collapsed))
	a.addInputs(b, a.collapsed, x.Ends)
	a.addOutput(b, a.output)
	return nil
}

// sentinels returns the tokens <extra_id_0>, <extra_id_1> and so on.
func sentinels(vocabulary *vocab.Vocabulary) []int32 {
	var ids []int32
	for {
		id, present := vocabulary.Lookup(fmt.Sprintf("<extra_id_%d>", len(ids)))
		if !present {
			return ids
		}
		ids = append(ids, id)
	}
}

// longestOutput bounds t5's output: of 15 % of the tokens, at least one, each with its own sentinel, and three more.
func longestOutput(sequenceLength int) int {
	return 2*(sequenceLength*15/100+1) + 3
}
