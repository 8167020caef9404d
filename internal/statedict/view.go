package statedict

import (
	"fmt"

	"uer/internal/pickle"
)

// view is a tensor as a part of a storage: its value (i, j, ...) is at offset + i*strides[0] + j*strides[1] + ...
type view struct {
	name           string
	storage        *storage
	offset         int
	shape, strides []int
	count          int // product of shape
}

// maxAxes is PyTorch's own limit.
const maxAxes = 64

// setExtent sets offset, shape and strides from the pickled arguments and checks that they stay within the storage.
func (v *view) setExtent(offset, shape, strides any) error {
	var err error
	if v.offset, err = natural(offset); err != nil {
		return fmt.Errorf("its offset: %w", err)
	}
	if v.shape, err = naturals(shape); err != nil {
		return fmt.Errorf("its shape: %w", err)
	}
	if v.strides, err = naturals(strides); err != nil {
		return fmt.Errorf("its strides: %w", err)
	}
	if len(v.shape) != len(v.strides) || len(v.shape) > maxAxes {
		return fmt.Errorf("its shape has %d axes and its strides %d", len(v.shape), len(v.strides))
	}
	for _, size := range v.shape {
		if size == 0 {
			return nil // no values: count stays 0
		}
	}
	count, last := 1, v.offset
	if last >= v.storage.count {
		return v.outside()
	}
	for i, size := range v.shape {
		if size > v.storage.count/count {
			return v.outside()
		}
		count *= size
		if size > 1 {
			if v.strides[i] > (v.storage.count-1-last)/(size-1) {
				return v.outside()
			}
			last += (size - 1) * v.strides[i]
		}
	}
	v.count = count
	return nil
}

func (v *view) outside() error {
	return fmt.Errorf("shape %v with strides %v from value %d does not fit into storage %q of %d values",
		v.shape, v.strides, v.offset, v.storage.key, v.storage.count)
}

// contiguous reports whether the values are in row-major order without gaps.
func (v *view) contiguous() bool {
	step := 1
	for i := len(v.shape) - 1; i >= 0; i-- {
		if v.shape[i] != 1 && v.strides[i] != step {
			return false
		}
		step *= v.shape[i]
	}
	return true
}

// gather copies a strided view that starts at from[0] into out in row-major order, and returns the rest of out.
func gather(out, from []float32, shape, strides []int) []float32 {
	switch len(shape) {
	case 0:
		out[0] = from[0]
		return out[1:]
	case 1:
		for i := range shape[0] {
			out[i] = from[i*strides[0]]
		}
		return out[shape[0]:]
	}
	for i := range shape[0] {
		out = gather(out, from[i*strides[0]:], shape[1:], strides[1:])
	}
	return out
}

// natural returns a decoded value as a non-negative int.
func natural(value any) (int, error) {
	number, ok := value.(int64)
	if !ok || number < 0 || int64(int(number)) != number {
		return 0, fmt.Errorf("%s is not a count", describe(value))
	}
	return int(number), nil
}

func naturals(value any) ([]int, error) {
	members, ok := value.(pickle.Tuple)
	if !ok {
		return nil, fmt.Errorf("%s is not a tuple", describe(value))
	}
	numbers := make([]int, len(members))
	for i, member := range members {
		var err error
		if numbers[i], err = natural(member); err != nil {
			return nil, err
		}
	}
	return numbers, nil
}
