package statedict

import (
	"fmt"
	"io"
	"strconv"
	"unsafe"
)

// Write writes a zip archive that torch.load turns into an OrderedDict of float32 tensors, with weights_only or
// without. Tensors whose Data is the same memory share a storage. Data is encoded in small pieces, never copied whole.
func Write(w io.Writer, tensors []Tensor) error {
	keys, storages, err := distinctStorages(tensors)
	if err != nil {
		return err
	}
	out := newArchiveWriter(w)
	out.text("data.pkl", encodePickle(tensors, keys))
	out.text("byteorder", []byte("little"))
	for key, data := range storages {
		out.values("data/"+strconv.Itoa(key), data)
	}
	out.text("version", []byte("3\n"))
	return out.close()
}

// distinctStorages numbers the distinct memories behind the tensors. keys holds the number of each tensor's storage.
func distinctStorages(tensors []Tensor) (keys []int, storages [][]float32, err error) {
	type memory struct {
		start  *float32
		length int
	}
	known := map[memory]int{}
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
			return nil, nil, fmt.Errorf("two tensors have the name %q", tensor.Name)
		}
		names[tensor.Name] = true
		at := memory{unsafe.SliceData(tensor.Data), len(tensor.Data)}
		key, found := known[at]
		if !found || count == 0 {
			key = len(storages)
			known[at] = key
			storages = append(storages, tensor.Data)
		}
		keys = append(keys, key)
	}
	return keys, storages, nil
}
