// Package statedict reads and writes state dicts, the named tensors of a model, as PyTorch and safetensors store them on
// disk.
//
// [Read] accepts both containers of torch.save, the zip archive and the older sequence of pickles, and safetensors, and
// converts all number types to float32. [Write] writes the archive, which torch.load opens with weights_only=True.
// Tensors that share a storage, such as tied weights, share their memory after reading and are written once.
// [WriteSafetensors] and [OpenSafetensors] do the same for safetensors, with metadata, and a tensor at a time.
//
// Nothing in a file is executed. A damaged or hostile file gets an error and takes no more memory than a few times its
// own length; the checksums of an archive are verified. Errors name the file and the tensor, with a hint where the user
// can do something about it.
package statedict

import (
	"bytes"
	"errors"
	"fmt"

	"uer/internal/console"
	"uer/internal/durable"
)

// Tensor is a named array in row-major order: the last axis of Shape is contiguous. A scalar has no axes and one value.
// Tied tensors share Data.
type Tensor struct {
	Name  string
	Shape []int
	Data  []float32
}

// File is what a file holds.
type File struct {
	Tensors  []Tensor
	Types    []string          // of each tensor in the file, as safetensors names them: F32, BF16, I64
	Format   string            // the container
	Entry    string            // where in the file's dictionary the state dict is, such as "model"; "" if it is all of it
	Metadata map[string]string // of safetensors
}

// Read reads the tensors of the file at path, in the order of the file. It is a dictionary from names to tensors as written
// by torch.save, in a zip archive (PyTorch 1.6 and later) or as a sequence of pickles (before), or safetensors. The
// dictionary may be inside another one, under a key that programs commonly use. Values of other types are converted to
// float32: half, bfloat16 and double precision, and integers. A file without tensors is an error.
func Read(path string) ([]Tensor, error) {
	file, err := ReadFile(path)
	if err != nil {
		return nil, err
	}
	return file.Tensors, nil
}

// ReadFile is [Read] with what else is known of the file.
func ReadFile(path string) (file *File, err error) {
	defer durable.Recover(&err, durable.Guard())
	mapping, err := durable.Map(path)
	if errors.As(err, new(*durable.PipeError)) {
		return nil, console.Hint(err, "copy it to a file first: tensors are not stored in the order of their description")
	}
	if err != nil {
		return nil, err
	}
	defer mapping.Close()
	if file, err = parseFile(mapping.Bytes); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return file, mapping.Changed()
}

func parseFile(data []byte) (*File, error) {
	switch {
	case bytes.HasPrefix(data, []byte("PK\x03\x04")):
		return readZip(data)
	case isSafetensors(data):
		return readSafetensors(data)
	case bytes.HasPrefix(data, []byte{0x80}):
		return readLegacy(data)
	}
	return nil, foreign(data)
}

const hintWhole = "copy or download the file again and compare its size with the original"

// foreign returns an error that says what a file not written by PyTorch is.
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
	return errors.New("neither a PyTorch file nor safetensors: not a zip archive, not a pickle, no JSON header")
}
