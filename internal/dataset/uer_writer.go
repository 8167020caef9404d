package dataset

import (
	"bufio"
	"encoding/binary"
	"fmt"

	"uer/internal/durable"
	"uer/internal/registry"
	"uer/internal/task"
)

// The forms of UER-py's datasets, by the year since when its programs write and read them.
const (
	Form2021 = "2021" // lists padded with zeros
	Form2022 = "2022" // each with the number of zeros: since May 2022, and TencentPretrain
)

// Forms lists them.
var Forms = []string{Form2021, Form2022}

// PickleWriter makes a dataset of UER-py, which appears at its path when it is closed.
type PickleWriter struct {
	path      string
	metadata  Metadata
	task      task.Task
	newer     bool
	file      *durable.File
	buffer    *bufio.Writer
	pickle    []byte
	instances int64
}

// CreatePickles starts a dataset in one of UER-py's [Forms]. m gives the target and the lengths.
func CreatePickles(path, form string, m Metadata) (*PickleWriter, error) {
	t, err := registry.Find(task.ByName, "target", m.Target)
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", path, err)
	}
	file, err := durable.Create(path, nil)
	if err != nil {
		return nil, hinted(err)
	}
	return &PickleWriter{
		path: path, metadata: m, task: t, newer: form == Form2022, file: file, buffer: bufio.NewWriterSize(file, 1<<20),
	}, nil
}

// Append adds an instance.
func (w *PickleWriter) Append(x *task.Instance) error {
	if err := check(&w.task, &w.metadata, x); err != nil {
		return fmt.Errorf("write %s: instance %d has %w", w.path, w.instances, err)
	}
	w.instances++
	w.pickle = append(w.pickle[:0], "\x80\x02("...)
	w.tuple(x)
	w.pickle = append(w.pickle, "t."...)
	if _, err := w.buffer.Write(w.pickle); err != nil {
		return hinted(err)
	}
	return nil
}

// tuple appends the members of the tuple that UER-py's loader of the target expects.
func (w *PickleWriter) tuple(x *task.Instance) {
	length, n := w.metadata.SequenceLength, int(x.Ends[len(x.Ends)-1])
	switch w.task.Name {
	case "lm":
		w.tokens(x.Tokens, length+1)
		w.count(n)
	case "bilm":
		w.tokens(x.Tokens[1:n+1], length)
		w.labels(x.Tokens[2:], length)
		w.labels(x.Tokens[:n], length)
		w.segments(x.Ends, length)
	case "cls":
		w.tokens(x.Tokens, length)
		w.integer(int(x.Label))
		if w.newer {
			w.list(lengths(x.Ends), 0)
		} else {
			w.segments(x.Ends, length)
		}
	case "seq2seq":
		w.tokens(x.Tokens, length)
		w.tokens(x.Output, w.metadata.TargetSequenceLength+1)
		w.segments(x.Ends, length)
	case "prefixlm":
		w.prefixed(x, n, length)
	default:
		w.tokens(x.Tokens, length)
		if !w.metadata.Dynamic {
			w.masks(x.Masks)
		}
		if w.task.Labelled {
			w.integer(int(x.Label))
		}
		w.list(x.Ends, 0)
	}
}

// prefixed appends prefixlm's tokens, labels and ends. The labels are the next tokens of the target; since 2022, its first
// token is one of them.
func (w *PickleWriter) prefixed(x *task.Instance, n, length int) {
	source := int(x.Ends[0])
	next := make([]int32, n)
	if source < len(x.Tokens) {
		copy(next[source:], x.Tokens[source+1:])
	}
	if w.newer && source > 0 && source < len(x.Tokens) {
		next[source-1] = x.Tokens[source]
	}
	w.tokens(x.Tokens[:n], length)
	w.labels(next, length)
	w.list(x.Ends, 0)
}

// tokens appends a list of a length, padded or with its padding.
func (w *PickleWriter) tokens(ids []int32, length int) {
	if !w.newer {
		w.list(ids, length-len(ids))
		return
	}
	w.list(ids, 0)
	w.integer(length - len(ids))
	w.pickle = append(w.pickle, 0x86) // TUPLE2
}

// labels appends a list that has the padding of the tokens.
func (w *PickleWriter) labels(ids []int32, length int) {
	zeros := length - len(ids)
	if w.newer {
		zeros = 0
	}
	w.list(ids, zeros)
}

// count appends a number of tokens: since 2022, as a list.
func (w *PickleWriter) count(n int) {
	if w.newer {
		w.list([]int32{int32(n)}, 0)
		return
	}
	w.integer(n)
}

// segments appends the number of the segment of each token or, since 2022, the number of tokens.
func (w *PickleWriter) segments(ends []int32, length int) {
	n := int(ends[len(ends)-1])
	if w.newer {
		w.count(n)
		return
	}
	list, segment := make([]int32, n), 0
	for i := range list {
		for i >= int(ends[segment]) {
			segment++
		}
		list[i] = int32(segment + 1)
	}
	w.list(list, length-n)
}

func (w *PickleWriter) masks(masks []task.Mask) {
	w.pickle = append(w.pickle, "]("...) // an empty list and a mark
	for _, m := range masks {
		w.integer(int(m.Position))
		w.integer(int(m.ID))
		w.pickle = append(w.pickle, 0x86) // TUPLE2
	}
	w.pickle = append(w.pickle, 'e')
}

// list appends a list of numbers and zeros after them.
func (w *PickleWriter) list(numbers []int32, zeros int) {
	w.pickle = append(w.pickle, "]("...)
	for _, n := range numbers {
		w.integer(int(n))
	}
	for range zeros {
		w.integer(0)
	}
	w.pickle = append(w.pickle, 'e')
}

// integer appends BININT1, BININT2 or BININT.
func (w *PickleWriter) integer(n int) {
	switch {
	case n >= 0 && n < 1<<8:
		w.pickle = append(w.pickle, 'K', byte(n))
	case n >= 0 && n < 1<<16:
		w.pickle = binary.LittleEndian.AppendUint16(append(w.pickle, 'M'), uint16(n))
	default:
		w.pickle = binary.LittleEndian.AppendUint32(append(w.pickle, 'J'), uint32(int32(n)))
	}
}

// lengths returns the lengths of segments that end at ends.
func lengths(ends []int32) []int32 {
	list, start := make([]int32, len(ends)), int32(0)
	for i, end := range ends {
		list[i], start = end-start, end
	}
	return list
}

// Close completes the file and gives it its name.
func (w *PickleWriter) Close() error {
	defer w.file.Abort()
	if w.instances == 0 {
		return fmt.Errorf("write %s: there are no instances", w.path)
	}
	if err := w.buffer.Flush(); err != nil {
		return hinted(err)
	}
	return hinted(w.file.Commit())
}

// Abort removes the unfinished file. After Close or Abort it does nothing.
func (w *PickleWriter) Abort() { w.file.Abort() }
