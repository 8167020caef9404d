package dataset

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"uer/internal/instance"
)

// shape says what the instances of a target hold.
type shape struct {
	segments   [2]int // fewest and most
	before     int    // tokens before the inputs
	after      int    // tokens after the inputs: optional ones if before is 0
	masked     bool   // has masks, stored unless they are drawn while training
	labelled   bool
	labels     int32 // how many there are; 0 if the dataset does not know
	hasOutputs bool
}

var shapes = map[string]shape{
	"mlm":      {segments: [2]int{1, 1}, masked: true},
	"t5":       {segments: [2]int{1, 1}, masked: true},
	"bert":     {segments: [2]int{2, 2}, masked: true, labelled: true, labels: 2},
	"albert":   {segments: [2]int{2, 2}, masked: true, labelled: true, labels: 2},
	"lm":       {segments: [2]int{1, 1}, after: 1},
	"bilm":     {segments: [2]int{1, 1}, before: 1, after: 1},
	"cls":      {segments: [2]int{1, 2}, labelled: true},
	"prefixlm": {segments: [2]int{2, 2}, after: 1},
	"seq2seq":  {segments: [2]int{1, 1}, hasOutputs: true},
}

// shapeOf returns the shape of a target's instances.
func shapeOf(target string) (shape, error) {
	s, known := shapes[target]
	if !known {
		return s, fmt.Errorf("target %q is none of %s", shortened(target), strings.Join(slices.Sorted(maps.Keys(shapes)), ", "))
	}
	return s, nil
}

// check tells what is wrong with an instance, so that whoever uses a dataset can index by what it holds.
func (s shape) check(x *instance.Instance, m *Metadata) error {
	inputs, err := s.inputs(x.Ends)
	if err != nil {
		return err
	}
	most := s.before + inputs + s.after
	least := most
	if s.before == 0 {
		least = inputs
	}
	switch {
	case inputs > m.SequenceLength:
		return fmt.Errorf("%d inputs, more than the sequence length %d", inputs, m.SequenceLength)
	case len(x.Tokens) < least || len(x.Tokens) > most:
		return fmt.Errorf("%d tokens, but the segments end at %v", len(x.Tokens), x.Ends)
	case !s.hasOutputs && len(x.Output) > 0:
		return errors.New("an output, which the target does not have")
	case len(x.Output) > m.TargetSequenceLength+1:
		return fmt.Errorf("an output of %d tokens, more than the length %d and one", len(x.Output), m.TargetSequenceLength)
	case x.Label < 0 || s.labels > 0 && x.Label >= s.labels:
		return fmt.Errorf("label %d", x.Label)
	case len(x.Targets) > 0 && (!s.masked || m.Dynamic):
		return errors.New("masks, which the target does not store")
	}
	if err := checkIDs(x.Tokens, m.VocabularySize); err != nil {
		return err
	}
	if err := checkIDs(x.Output, m.VocabularySize); err != nil {
		return err
	}
	return checkTargets(x, m.VocabularySize)
}

// inputs returns the length of the last segment's end.
func (s shape) inputs(ends []int32) (int, error) {
	if len(ends) < s.segments[0] || len(ends) > s.segments[1] {
		return 0, fmt.Errorf("%d segments", len(ends))
	}
	last := int32(0)
	for _, end := range ends {
		if end < last {
			return 0, fmt.Errorf("segments that end at %v", ends)
		}
		last = end
	}
	return int(last), nil
}

func checkIDs(ids []int32, size int) error {
	for _, id := range ids {
		if id < 0 || size > 0 && int(id) >= size {
			return fmt.Errorf("token id %d, outside the vocabulary of %d tokens", id, size)
		}
	}
	return nil
}

// checkTargets wants positions in rising order, each of a token.
func checkTargets(x *instance.Instance, size int) error {
	last := int32(-1)
	for _, target := range x.Targets {
		if target.Position <= last || int(target.Position) >= len(x.Tokens) {
			return fmt.Errorf("a mask at position %d of %d, after one at %d", target.Position, len(x.Tokens), last)
		}
		if target.ID < 0 || size > 0 && int(target.ID) >= size {
			return fmt.Errorf("masked token id %d, outside the vocabulary of %d tokens", target.ID, size)
		}
		last = target.Position
	}
	return nil
}
