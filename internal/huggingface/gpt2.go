package huggingface

import (
	"fmt"
	"strings"

	"uer/internal/statedict"
)

// attention is the module of ours that takes c_attn apart: its three layers are called by their numbers.
const attention = ".self_attn.linear_layers."

// fromGPT2 transposes the matrices inside the layers, which are [in, out], and takes c_attn [in, 3 out] apart.
func fromGPT2(t statedict.Tensor) ([]statedict.Tensor, error) {
	if !strings.HasPrefix(t.Name, "encoder.transformer.") || isNorm(t.Name) {
		return []statedict.Tensor{t}, nil
	}
	matrix := strings.HasSuffix(t.Name, ".weight")
	if axes := map[bool]int{true: 2, false: 1}[matrix]; len(t.Shape) != axes {
		return nil, fmt.Errorf("shape %v, want %d axes", t.Shape, axes)
	}
	if matrix {
		t.Data = transpose(t.Data, t.Shape[0], t.Shape[1])
		t.Shape = []int{t.Shape[1], t.Shape[0]}
	}
	before, kind, found := strings.Cut(t.Name, attention)
	if !found {
		return []statedict.Tensor{t}, nil
	}
	if t.Shape[0]%3 != 0 {
		return nil, fmt.Errorf("%d columns are not those of queries, keys and values", t.Shape[0])
	}
	parts, size := make([]statedict.Tensor, 3), len(t.Data)/3
	for i := range parts {
		shape := append([]int{t.Shape[0] / 3}, t.Shape[1:]...)
		parts[i] = statedict.Tensor{Name: fmt.Sprint(before, attention, i, ".", kind), Shape: shape, Data: t.Data[i*size : (i+1)*size]}
	}
	return parts, nil
}

// transpose returns a matrix [rows, columns] as [columns, rows].
func transpose(data []float32, rows, columns int) []float32 {
	out := make([]float32, len(data))
	for i := range rows {
		for j := range columns {
			out[j*rows+i] = data[i*columns+j]
		}
	}
	return out
}

// toGPT2 joins and transposes the tensors of the layers.
func toGPT2(tensors map[string]statedict.Tensor, name string) (statedict.Tensor, error) {
	t, ok := tensors[name]
	if before, kind, found := strings.Cut(name, attention); found {
		var joined statedict.Tensor
		for i := range 3 {
			part, ok := tensors[fmt.Sprint(before, attention, i, ".", kind)]
			if !ok || len(part.Shape) == 0 {
				return t, fmt.Errorf("it has no tensor %s%s%d.%s", before, attention, i, kind)
			}
			joined.Shape = append([]int{3 * part.Shape[0]}, part.Shape[1:]...)
			joined.Data = append(joined.Data, part.Data...)
		}
		t, ok = joined, true
	}
	if !ok {
		return t, fmt.Errorf("it has no tensor %s", name)
	}
	if strings.HasPrefix(name, "encoder.transformer.") && !isNorm(name) && len(t.Shape) == 2 {
		t.Data = transpose(t.Data, t.Shape[0], t.Shape[1])
		t.Shape = []int{t.Shape[1], t.Shape[0]}
	}
	return t, nil
}
