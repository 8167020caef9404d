package checkpoint

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"

	"uer/internal/console"
	"uer/internal/durable"
	"uer/internal/graph"
	"uer/internal/statedict"
)

// File is an open checkpoint.
type File struct {
	State
	Path string // of the weights

	header *header
	file   *statedict.Safetensors
}

// Open opens the checkpoint at path, which the caller must close. It reads and checks the header of the state file only;
// [Verify] checks all values.
func Open(path string) (f *File, err error) {
	defer durable.Recover(&err, durable.Guard())
	name := StatePath(path)
	file, err := statedict.OpenSafetensors(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, console.Hint(fmt.Errorf("%s cannot be resumed: it has no state (%s)", path, name),
			"--pretrained_model_path "+path+" begins a new training with its weights")
	}
	if err != nil {
		return nil, err
	}
	f = &File{Path: path, file: file}
	if err := f.check(); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return f, nil
}

// Close closes the state file.
func (f *File) Close() error { return f.file.Close() }

// check reads the header.
func (f *File) check() (err error) {
	if f.header, err = parseHeader(f.file.Metadata); err != nil {
		return err
	}
	f.State = f.header.State
	sums, err := f.checksums()
	if err != nil {
		return err
	}
	return compare("header", crc32.ChecksumIEEE(f.file.Header), sums[0])
}

// Digest identifies the content of the state file.
func (f *File) Digest() string {
	return fmt.Sprintf("%08x", crc32.ChecksumIEEE(f.file.Tensors[len(f.file.Tensors)-1].Raw)) // the checksums of all the rest
}

// checksums returns the checksums of the header and of each tensor but the last, which holds them.
func (f *File) checksums() ([]uint64, error) {
	last := len(f.file.Tensors) - 1
	if last < 0 || f.file.Tensors[last].Name != checksumsName || len(f.file.Tensors[last].Raw) != 8*(last+1) {
		return nil, errors.New("it has no checksums")
	}
	sums := make([]uint64, last+1)
	for i := range sums {
		sums[i] = binary.LittleEndian.Uint64(f.file.Tensors[last].Raw[8*i:])
	}
	return sums, nil
}

func compare(name string, sum uint32, want uint64) error {
	if uint64(sum) != want {
		return fmt.Errorf("damaged: the checksum of its %s is %08x instead of %08x", name, sum, want)
	}
	return nil
}

// Verify checks that the checkpoint at path is whole: that all values of both files are those that were saved together.
func Verify(path string) (err error) {
	defer durable.Recover(&err, durable.Guard())
	f, err := Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	sums, err := f.checksums()
	if err != nil {
		return fmt.Errorf("read %s: %w", StatePath(path), err)
	}
	if err := f.verifyValues(sums[1:]); err != nil {
		return fmt.Errorf("read %s: %w", StatePath(path), err)
	}
	return f.VerifyWeights()
}

// VerifyWeights checks that the weights are those that were saved together with the state file.
func (f *File) VerifyWeights() error {
	path := f.Path
	weights, err := statedict.Checksums(path)
	if err != nil {
		return err
	}
	if len(weights) != len(f.header.Weights) {
		return fmt.Errorf("%s and %s were not saved together: %d tensors, not %d", path, StatePath(path),
			len(weights), len(f.header.Weights))
	}
	for name, want := range f.header.Weights {
		if sum, there := weights[name]; !there || sum != want {
			return fmt.Errorf("%s and %s were not saved together: tensor %s differs", path, StatePath(path), name)
		}
	}
	return nil
}

// verifyValues compares the checksums of the tensors, without keeping them in memory.
func (f *File) verifyValues(sums []uint64) error {
	file, err := os.Open(StatePath(f.Path))
	if err != nil {
		return err
	}
	defer file.Close()
	start := int64(len(f.file.Header))
	for i, want := range sums {
		tensor := &f.file.Tensors[i]
		sum, err := statedict.Sum(file, start, int64(len(tensor.Raw)))
		if err != nil {
			return err
		}
		if err := compare(tensor.Name, sum, want); err != nil {
			return err
		}
		start += int64(len(tensor.Raw))
	}
	return nil
}

// Writer is what a checkpoint is restored to: the memory of a device.
type Writer interface {
	Write(p graph.Place, offset int, from []float32) error
}

// Restore copies the optimizer state to memory, piece by piece. It is an error if the layout is not that of the training
// that was saved.
func (f *File) Restore(layout *graph.Layout, memory Writer) (err error) {
	defer durable.Recover(&err, durable.Guard())
	if digest(layout) != f.header.Layout || len(f.file.Tensors) != len(layout.State)+1 {
		return console.Hint(fmt.Errorf("%s: its optimizer state is laid out in another way than this version of uer (%s) does",
			StatePath(f.Path), f.Version), "resume with the version of uer that has saved it")
	}
	piece := make([]float32, 1<<18)
	for i, s := range layout.State {
		tensor := &f.file.Tensors[i]
		if tensor.Name != s.Name || tensor.Values() != s.Size {
			return fmt.Errorf("%s: tensor %q has %d values, the optimizer's %s has %d",
				StatePath(f.Path), tensor.Name, tensor.Values(), s.Name, s.Size)
		}
		for offset := 0; offset < s.Size; offset += len(piece) {
			values := piece[:min(len(piece), s.Size-offset)]
			if err := tensor.Decode(offset, values); err != nil {
				return fmt.Errorf("%s: %w", StatePath(f.Path), err)
			}
			if err := memory.Write(graph.InState, s.Offset+offset, values); err != nil {
				return fmt.Errorf("restoring the optimizer state: %w", err)
			}
		}
		f.file.Drop()
	}
	return nil
}

// Weights sets all parameters.
func (f *File) Weights(program *graph.Program, parameters []float32) error {
	match, err := Load(f.Path, program, parameters)
	if err == nil && len(match.Missing)+len(match.Unused) > 0 {
		err = fmt.Errorf("%s: %d tensors of the model are missing, %d are not in the model", f.Path,
			len(match.Missing), len(match.Unused))
	}
	return err
}
