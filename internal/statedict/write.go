package statedict

import (
	"fmt"
	"io"
	"strconv"
	"unsafe"
)

// Write writes a zip archive that torch.load turns into an OrderedDict of float32 tensors, with weights_only or
// without. Tensors whose Data is the same memory share a storage. Data is encoded on its way out, never copied whole.
func Write(w io.Writer, tensors []Tensor) error {
	place, storages, err := memories(tensors)
	if err != nil {
		return err
	}
	out := newArchiveWriter(w)
	out.text("data.pkl", program(tensors, place))
	out.text("byteorder", []byte("little"))
	for key, data := range storages {
		out.values("data/"+strconv.Itoa(key), data)
	}
	out.text("version", []byte("3\n"))
	return out.close()
}

// memories numbers the distinct memories behind the tensors: the number for each tensor, the memory for each number.
func memories(tensors []Tensor) (place []int, storages [][]float32, err error) {
	type memory struct {
		start  *float32
		length int
	}
	numbers := map[memory]int{}
	names := map[string]bool{}
	for _, tensor := range tensors {
		count := 1
		for _, size := range tensor.Shape {
			count *= size
		}
		if count != len(tensor.Data) {
			return nil, nil, fmt.Errorf("tensor %q has shape %v but %d values", tensor.Name, tensor.Shape, len(tensor.Data))
		}
		if names[tensor.Name] {
			return nil, nil, fmt.Errorf("two tensors are called %q", tensor.Name)
		}
		names[tensor.Name] = true
		at := memory{unsafe.SliceData(tensor.Data), len(tensor.Data)}
		number, known := numbers[at]
		if !known || count == 0 {
			number = len(storages)
			numbers[at] = number
			storages = append(storages, tensor.Data)
		}
		place = append(place, number)
	}
	return place, storages, nil
}
