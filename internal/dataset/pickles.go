package dataset

import (
	"errors"
	"fmt"
	"io"

	"uer/internal/console"
	"uer/internal/durable"
	"uer/internal/pickle"
	"uer/internal/task"
)

// pickles is a dataset by UER-py: a sequence of pickled tuples without header, count or index.
type pickles struct {
	path     string
	mapping  *durable.Mapping
	metadata Metadata
	task     task.Task
	form     form
	offsets  []int64 // of each instance, and the end
}

// isPickle recognises the first opcode of protocols 2 to 5.
func isPickle(data []byte) bool {
	return len(data) >= 2 && data[0] == 0x80 && data[1] >= 2 && data[1] <= 5
}

// openPickles finds the instances and takes their form from the first.
func openPickles(path string, mapping *durable.Mapping) (*pickles, error) {
	f := &pickles{path: path, mapping: mapping}
	decoder := pickle.NewDecoder(mapping.Bytes)
	first, err := f.tuple(decoder)
	if err != nil {
		return nil, console.Hint(fmt.Errorf("read %s: not a dataset: %w", path, err), makeOne)
	}
	if f.form, err = recognise(first); err != nil {
		return nil, console.Hint(fmt.Errorf("read %s: not a dataset: %w", path, err), makeOne)
	}
	if err := f.decide(decoder, first); err != nil {
		return nil, console.Hint(fmt.Errorf("read %s: %w", path, err), remake)
	}
	f.task = task.ByName[f.form.targets[0]]
	if f.form.undecided {
		f.form.extra = 1 // no instance fills the padded length
	}
	f.metadata = Metadata{Target: f.task.Name, Dynamic: f.form.dynamic,
		SequenceLength: f.form.length - f.form.extra, TargetSequenceLength: max(f.form.outputLength-1, 0)}
	decoder.Seek(0)
	for {
		f.offsets = append(f.offsets, int64(decoder.Offset()))
		err := decoder.Skip()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, console.Hint(fmt.Errorf("read %s: instance %d: %w", path, len(f.offsets)-1, err), remake)
		}
	}
	f.metadata.Instances = int64(len(f.offsets) - 1)
	return f, nil
}

// decide reads on until an instance tells the target of a file that may be for lm or for mlm. If none does, it may be for
// any of them, and its instances are shorter than those that the settings allowed.
func (f *pickles) decide(decoder *pickle.Decoder, tuple pickle.Tuple) error {
	for number := 0; f.form.undecided; number++ {
		decided, err := f.form.decide(tuple)
		if err == nil && !decided {
			tuple, err = f.tuple(decoder)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("instance %d: %w", number, err)
		}
	}
	return nil
}

// tuple decodes the next instance.
func (f *pickles) tuple(decoder *pickle.Decoder) (pickle.Tuple, error) {
	value, err := decoder.Decode()
	if err != nil {
		return nil, err
	}
	tuple, is := value.(pickle.Tuple)
	if !is {
		return nil, errors.New("it holds something other than tuples")
	}
	return tuple, nil
}

func (f *pickles) instance(i int, into *task.Instance) error {
	decoder := pickle.NewDecoder(f.mapping.Bytes[f.offsets[i]:f.offsets[i+1]])
	tuple, err := f.tuple(decoder)
	if err == nil {
		into.Reset()
		err = f.form.instance(tuple, into)
	}
	if err == nil {
		err = check(&f.task, &f.metadata, into)
	}
	if err != nil {
		return console.Hint(fmt.Errorf("read %s: instance %d (bytes %d to %d): %w",
			f.path, i, f.offsets[i], f.offsets[i+1], err), remake)
	}
	return nil
}

func (f *pickles) close() error { return f.mapping.Close() }
