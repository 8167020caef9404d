package statedict

import (
	"archive/zip"
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
	described := make([]describedTensor, len(tensors))
	for i, t := range tensors {
		described[i] = describedTensor{t.Name, t.Shape, len(t.Data), keys[i]}
	}
	readers := make([]storageReader, len(storages))
	for key, data := range storages {
		readers[key] = storageReader{len(data), From(data)}
	}
	_, err = writeArchive(w, described, readers)
	return err
}

// Streamed is a tensor whose values are read piece by piece as they are written.
type Streamed struct {
	Names []string // of the tensors that share the values
	Shape []int
	Read  func(offset int, to []float32) error // fills a slice with the values from an offset on
}

// WriteStreamed is [Write] for tensors that need not be in memory. It returns the checksum (CRC-32, IEEE) of the values of
// each, as [Checksums] does.
func WriteStreamed(w io.Writer, tensors []Streamed) (map[string]uint32, error) {
	var described []describedTensor
	var readers []storageReader
	for key, t := range tensors {
		count := 1
		for _, size := range t.Shape {
			count *= size
		}
		for _, name := range t.Names {
			described = append(described, describedTensor{name, t.Shape, count, key})
		}
		readers = append(readers, storageReader{count, t.Read})
	}
	headers, err := writeArchive(w, described, readers)
	if err != nil {
		return nil, err
	}
	sums := map[string]uint32{}
	for _, d := range described {
		sums[d.name] = headers[d.key].CRC32
	}
	return sums, nil
}

// describedTensor is what the pickle says of a tensor.
type describedTensor struct {
	name  string
	shape []int
	count int // of its values
	key   int // of its storage
}

// storageReader reads the values of a storage.
type storageReader struct {
	count int
	read  func(offset int, to []float32) error
}

// writeArchive returns the headers of the storages' entries, which hold their checksums.
func writeArchive(w io.Writer, tensors []describedTensor, storages []storageReader) ([]*zip.FileHeader, error) {
	out := newArchiveWriter(w)
	out.text("data.pkl", encodePickle(tensors))
	out.text("byteorder", []byte("little"))
	var headers []*zip.FileHeader
	for key, s := range storages {
		out.values("data/"+strconv.Itoa(key), s.count, s.read)
		headers = append(headers, out.header)
	}
	out.text("version", []byte("3\n"))
	return headers, out.close()
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
