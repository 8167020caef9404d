package batch

import (
	"cmp"
	"errors"
	"fmt"

	"uer/internal/console"
	"uer/internal/masking"
	"uer/internal/task"
)

// t5 is what addCollapsed needs beside the assembler.
type t5 struct {
	sentinels []int32 // the tokens <extra_id_0>, <extra_id_1> and so on
	collapsed []int32 // the text with sentinels
	output    []int32
}

// prepareT5 finds the sentinels.
func prepareT5(a *assembler) error {
	a.t5.sentinels = a.Vocabulary.Sentinels()
	if len(a.t5.sentinels) == 0 {
		return console.Hint(errors.New("the vocabulary has no token <extra_id_0>, which t5 puts in place of masked text"),
			"add the lines <extra_id_0> to <extra_id_99> to the vocabulary, in place of unused tokens")
	}
	a.outputLength = maxCollapsedOutput(a.dataset.Metadata.SequenceLength, a.maskRate())
	return nil
}

// addCollapsed replaces each run of masked tokens by one sentinel. The output is [CLS], each sentinel followed by the
// tokens that it stands for, one more sentinel, and [SEP] (Raffel et al., 2020).
func addCollapsed(a *assembler, b *Batch, x *task.Instance) error {
	masks, s := a.masks(x), &a.t5
	s.collapsed = s.collapsed[:0]
	s.output = append(s.output[:0], a.Vocabulary.Class)
	runs, after := 0, int32(-1) // after: the position after the last masked token
	for position, token := range x.Tokens {
		if len(masks) == 0 || int(masks[0].Position) != position || masks[0].ID == a.Vocabulary.Padding {
			s.collapsed = append(s.collapsed, token)
		} else {
			if int32(position) != after {
				if runs+1 >= len(s.sentinels) {
					return fmt.Errorf("the vocabulary has only %d tokens from <extra_id_0> on, too few for its masks",
						len(s.sentinels))
				}
				s.collapsed = append(s.collapsed, s.sentinels[runs])
				s.output = append(s.output, s.sentinels[runs])
				runs++
			}
			s.output = append(s.output, masks[0].ID)
			after = int32(position) + 1
		}
		if len(masks) > 0 && int(masks[0].Position) == position {
			masks = masks[1:]
		}
	}
	s.output = append(s.output, s.sentinels[runs], a.Vocabulary.Separator)
	if len(s.output) > a.outputLength {
		return fmt.Errorf("%d masks in %d tokens, more than %.0f %%", len(x.Masks), len(x.Tokens), 100*a.maskRate())
	}
	// UER-py pads the text to its old length, and the encoder takes this padding for text.
	for a.KeepPadding && len(s.collapsed) < len(x.Tokens) {
		s.collapsed = append(s.collapsed, max(a.Vocabulary.Padding, 0))
	}
	x.Ends[0] = int32(len(s.collapsed))
	a.addInputs(b, s.collapsed, x.Ends)
	a.addOutput(b, s.output)
	return nil
}

// maskRate returns the share of the tokens that are masked.
func (a *assembler) maskRate() float64 {
	if a.Masker != nil {
		return a.Masker.Rate
	}
	return cmp.Or(a.dataset.Metadata.MaskRate, masking.DefaultRate)
}

// maxCollapsedOutput bounds the output: the masked tokens, at least one, each with its own sentinel, and three more.
func maxCollapsedOutput(sequenceLength int, rate float64) int {
	return 2*(int(float64(sequenceLength)*rate+1e-9)+1) + 3
}
