package dataset

import (
	"errors"
	"fmt"

	"uer/internal/task"
)

// check tells what is wrong with the form of an instance, so that whoever uses a dataset can index by what it holds.
func check(t *task.Task, m *Metadata, x *task.Instance) error {
	inputs, err := inputs(t, x.Ends)
	if err != nil {
		return err
	}
	tokens := len(x.Tokens) - t.Before - inputs // after the inputs
	switch {
	case inputs > m.SequenceLength:
		return fmt.Errorf("%d inputs, more than the sequence length %d", inputs, m.SequenceLength)
	case tokens < t.After.Min || tokens > t.After.Max:
		return fmt.Errorf("%d tokens, but the segments end at %v", len(x.Tokens), x.Ends)
	case !t.Output && len(x.Output) > 0:
		return errors.New("an output, which the target does not have")
	case len(x.Output) > m.TargetSequenceLength+1:
		return fmt.Errorf("an output of %d tokens, more than the length %d and one", len(x.Output), m.TargetSequenceLength)
	case x.Label < 0 || t.Classes > 0 && int(x.Label) >= t.Classes:
		return fmt.Errorf("label %d", x.Label)
	case len(x.Masks) > 0 && (!t.Masked || m.Dynamic):
		return errors.New("masks, which the target does not store")
	}
	return checkMasks(x)
}

// inputs returns where the last segment ends.
func inputs(t *task.Task, ends []int32) (int, error) {
	if len(ends) < t.Segments.Min || len(ends) > t.Segments.Max {
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

// checkMasks rejects masks outside the tokens or out of order.
func checkMasks(x *task.Instance) error {
	last := int32(-1)
	for _, mask := range x.Masks {
		if mask.Position <= last || int(mask.Position) >= len(x.Tokens) {
			return fmt.Errorf("a mask at position %d of %d, after one at %d", mask.Position, len(x.Tokens), last)
		}
		last = mask.Position
	}
	return nil
}
