// Package statedict reads and writes the named tensors of a model as PyTorch keeps them on disk. Nothing in a file is
// executed, and a damaged or hostile one gets an error.
package statedict

import (
	"bytes"
	"errors"
	"fmt"

	"uer/internal/console"
	"uer/internal/durable"
)

// Tensor is one named array, row-major: the last axis of Shape is contiguous. A scalar has no axes and one value.
// Two tensors that share their storage, such as tied weights, share Data.
type Tensor struct {
	Name  string
	Shape []int
	Data  []float32
}

// Read reads the state dict at path, in the order of the file: what torch.save writes of a dictionary from names to
// tensors, as a zip archive (PyTorch 1.6 and later) or as a row of pickles (before). Values of other types are
// converted to float32: half, bfloat16 and double precision, and 32- and 64-bit integers. A file without tensors is an
// error.
func Read(path string) ([]Tensor, error) {
	mapping, err := durable.Map(path)
	if err != nil {
		return nil, err
	}
	defer mapping.Close()
	tensors, err := parse(mapping.Bytes)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return tensors, nil
}

func parse(data []byte) ([]Tensor, error) {
	switch {
	case bytes.HasPrefix(data, []byte("PK\x03\x04")):
		return readZip(data)
	case bytes.HasPrefix(data, []byte{0x80}):
		return readLegacy(data)
	}
	return nil, foreign(data)
}

const hintWhole = "copy or download the file again and compare its size with the original"

// foreign says what a file is that PyTorch did not write.
func foreign(data []byte) error {
	start := bytes.ToLower(bytes.TrimLeft(data[:min(len(data), 512)], "\xef\xbb\xbf \t\r\n"))
	switch {
	case len(data) == 0:
		return console.Hint(errors.New("the file is empty"), hintWhole)
	case bytes.HasPrefix(start, []byte("<!doctype html")), bytes.HasPrefix(start, []byte("<html")):
		return console.Hint(errors.New("this is an HTML page, not a model"),
			"the download saved a web page; fetch the file that the page links to")
	case bytes.HasPrefix(start, []byte("version https://git-lfs")):
		return console.Hint(errors.New("this is a Git LFS pointer, not the model itself"),
			"run `git lfs pull` in the repository it comes from")
	}
	return errors.New("not a file that PyTorch wrote: it is neither a zip archive nor a pickle")
}
