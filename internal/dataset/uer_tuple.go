package dataset

import (
	"errors"
	"fmt"
	"math"

	"uer/internal/pickle"
	"uer/internal/task"
)

// instance reads a tuple, which must have the first one's form.
func (f *form) instance(tuple pickle.Tuple, into *task.Instance) error {
	kinds, err := kindsOf(tuple)
	if err != nil {
		return err
	}
	if kinds != f.kinds {
		return errors.New("its tuple differs in form from the first")
	}
	flat, err := flatten(tuple)
	if err != nil {
		return err
	}
	if flat.lengths[0] != f.length {
		return fmt.Errorf("it is padded to %d tokens, the first to %d", flat.lengths[0], f.length)
	}
	if f.outputLength > 0 && flat.lengths[1] != f.outputLength {
		return fmt.Errorf("its output is padded to %d tokens, the first to %d", flat.lengths[1], f.outputLength)
	}
	return f.read(f, flat.Tuple, into)
}

// readMasked reads (tokens, [masks], [label], ends).
func readMasked(f *form, tuple pickle.Tuple, into *task.Instance) (err error) {
	last := len(tuple) - 1
	if into.Ends, err = appendInts(into.Ends, tuple[last]); err != nil {
		return err
	}
	if len(into.Ends) == 0 {
		return errors.New("it has no segment")
	}
	if into.Tokens, err = unpadded(into.Tokens, tuple[0], into.Ends[len(into.Ends)-1]); err != nil {
		return err
	}
	if label, is := tuple[last-1].(int64); is {
		if into.Label, err = int32Of(label); err != nil {
			return err
		}
	}
	if f.dynamic {
		return nil
	}
	for _, item := range tuple[1].(*pickle.List).Items {
		pair, _ := item.(pickle.Tuple)
		if len(pair) != 2 {
			return errors.New("a mask is not a pair of position and token")
		}
		position, err := int32Of(pair[0])
		if err != nil {
			return err
		}
		id, err := int32Of(pair[1])
		if err != nil {
			return err
		}
		into.Masks = append(into.Masks, task.Mask{Position: position, ID: id})
	}
	return nil
}

// readNext reads lm's (tokens, inputs) or, since May 2022, (tokens, [inputs]): one more token than the sequence length, the
// last of which is only predicted.
func readNext(f *form, tuple pickle.Tuple, into *task.Instance) error {
	number := tuple[1]
	if list, ok := number.(*pickle.List); ok && len(list.Items) == 1 {
		number = list.Items[0]
	}
	inputs, err := int32Of(number)
	if err != nil {
		return err
	}
	if inputs < 0 || int(inputs) >= f.length {
		return fmt.Errorf("%d inputs of %d tokens", inputs, f.length)
	}
	into.Ends = append(into.Ends, inputs)
	n, tokens := inputs, tuple[0].(*pickle.List).Items
	if int(inputs) == f.length-1 && len(tokens) == f.length && tokens[inputs] != int64(0) {
		n++
	}
	into.Tokens, err = unpadded(into.Tokens, tuple[0], n)
	return err
}

// readNeighbours reads bilm's (tokens, next tokens, tokens before, segments), or the number of tokens in place of segments.
func readNeighbours(f *form, tuple pickle.Tuple, into *task.Instance) error {
	n, err := f.countInputs(tuple[3])
	if err != nil {
		return err
	}
	next, err := unpadded(nil, tuple[1], n)
	if err != nil {
		return err
	}
	previous, err := unpadded(nil, tuple[2], n)
	if err != nil {
		return err
	}
	before, after := int32(0), int32(0)
	if n > 0 {
		before, after = previous[0], next[n-1]
	}
	into.Ends = append(into.Ends, n)
	if into.Tokens, err = unpadded(append(into.Tokens, before), tuple[0], n); err != nil {
		return err
	}
	into.Tokens = append(into.Tokens, after)
	for i := range int(n) {
		if previous[i] != into.Tokens[i] || next[i] != into.Tokens[i+2] {
			return fmt.Errorf("the labels of token %d are not its neighbours", i)
		}
	}
	return nil
}

// readLabelled reads cls's (tokens, label, segments).
func readLabelled(f *form, tuple pickle.Tuple, into *task.Instance) (err error) {
	if into.Label, err = int32Of(tuple[1]); err != nil {
		return err
	}
	segments := tuple[2].(*pickle.List).Items
	n := int32(0)
	for segment := int64(1); segment <= 2; segment++ {
		before := n
		for int(n) < len(segments) && segments[n] == segment {
			n++
		}
		if segment == 1 || n > before {
			into.Ends = append(into.Ends, n)
		}
	}
	if int(n) < len(segments) && segments[n] != int64(0) {
		return errors.New("its segments are not 1, then 2, then 0")
	}
	into.Tokens, err = unpadded(into.Tokens, tuple[0], n)
	return err
}

// readLabelledLengths reads cls's (tokens, label, lengths of the segments) of May 2022.
func readLabelledLengths(_ *form, tuple pickle.Tuple, into *task.Instance) (err error) {
	if into.Label, err = int32Of(tuple[1]); err != nil {
		return err
	}
	if into.Ends, err = appendInts(into.Ends, tuple[2]); err != nil {
		return err
	}
	end := int64(0)
	for i, length := range into.Ends {
		if end += int64(length); length < 0 || end > math.MaxInt32 {
			return fmt.Errorf("segments of %v tokens", into.Ends)
		}
		into.Ends[i] = int32(end)
	}
	into.Tokens, err = unpadded(into.Tokens, tuple[0], int32(end))
	return err
}

// readPrefixed reads prefixlm's (tokens, next tokens, ends). The token that the last input predicts may be missing from
// the tokens. Since 2022, the end of the source predicts the first token of the target, which models do not learn here.
func readPrefixed(f *form, tuple pickle.Tuple, into *task.Instance) (err error) {
	if into.Ends, err = appendInts(into.Ends, tuple[2]); err != nil {
		return err
	}
	if len(into.Ends) != 2 {
		return fmt.Errorf("%d segments", len(into.Ends))
	}
	source, n := into.Ends[0], into.Ends[1]
	next, err := unpadded(nil, tuple[1], n)
	if err != nil {
		return err
	}
	if into.Tokens, err = unpadded(into.Tokens, tuple[0], n); err != nil {
		return err
	}
	if n > source && next[n-1] != 0 {
		into.Tokens = append(into.Tokens, next[n-1])
	}
	for i, token := range next {
		expected := int32(0)
		if i >= int(source) && i+1 < len(into.Tokens) {
			expected = into.Tokens[i+1]
		}
		if i == int(source)-1 && i+1 < len(into.Tokens) && token == into.Tokens[i+1] {
			continue
		}
		if token != expected {
			return fmt.Errorf("the label of token %d is not the next token of the target", i)
		}
	}
	return nil
}

// readPair reads seq2seq's (source, target, segments of the source), or the number of its tokens in place of segments.
func readPair(f *form, tuple pickle.Tuple, into *task.Instance) error {
	n, err := f.countInputs(tuple[2])
	if err != nil {
		return err
	}
	into.Ends = append(into.Ends, n)
	if into.Tokens, err = unpadded(into.Tokens, tuple[0], n); err != nil {
		return err
	}
	output := tuple[1].(*pickle.List).Items
	used := len(output)
	for used > 0 && output[used-1] == int64(0) {
		used--
	}
	into.Output, err = unpadded(into.Output, tuple[1], int32(used))
	return err
}

// unpadded appends the first n numbers of a list, which must be followed by nothing but padding.
func unpadded(dst []int32, value any, n int32) ([]int32, error) {
	items := value.(*pickle.List).Items
	if n < 0 || int(n) > len(items) {
		return dst, fmt.Errorf("%d tokens in a list of %d", n, len(items))
	}
	for _, item := range items[:n] {
		id, err := int32Of(item)
		if err != nil {
			return dst, err
		}
		dst = append(dst, id)
	}
	for i, item := range items[n:] {
		if item != int64(0) {
			return dst, fmt.Errorf("something other than padding at position %d, after %d tokens", int(n)+i, n)
		}
	}
	return dst, nil
}

func appendInts(dst []int32, value any) ([]int32, error) {
	return unpadded(dst, value, int32(len(value.(*pickle.List).Items)))
}

// countInputs returns the number of inputs that a list of segments stands for: it has the length of the tokens, or holds that
// number alone.
func (f *form) countInputs(segments any) (int32, error) {
	list := segments.(*pickle.List).Items
	if len(list) == 1 && f.length > 1 {
		return int32Of(list[0])
	}
	return countOnes(segments)
}

// countOnes returns the number of ones before the padding of a list of segments.
func countOnes(value any) (int32, error) {
	n := int32(0)
	for _, item := range value.(*pickle.List).Items {
		if item != int64(1) {
			break
		}
		n++
	}
	_, err := unpadded(nil, value, n)
	return n, err
}

func int32Of(value any) (int32, error) {
	n, is := value.(int64)
	if !is {
		return 0, errors.New("something other than a number")
	}
	if n < math.MinInt32 || n > math.MaxInt32 {
		return 0, fmt.Errorf("the number %d, which does not fit into 32 bits", n)
	}
	return int32(n), nil
}
