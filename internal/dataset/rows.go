package dataset

import (
	"fmt"

	"uer/internal/task"
)

// Rows are instances in the form of the file. They can be made by several goroutines, each with its own, and written one
// after the other.
type Rows struct {
	metadata Metadata
	task     task.Task
	columns  []*column
	count    int
	current  task.Instance // being appended
}

func newRows(t task.Task, m Metadata) *Rows {
	r := &Rows{metadata: m, task: t, columns: columns(&t, &m)}
	r.Reset()
	return r
}

// Append adds a copy of an instance. It refuses one that does not fit the metadata, a programming error that would make
// the file unreadable.
func (r *Rows) Append(x task.Instance) error {
	if err := r.append(x); err != nil {
		return fmt.Errorf("write an instance: it has %w", err)
	}
	return nil
}

func (r *Rows) append(x task.Instance) error {
	r.current = x
	err := check(&r.task, &r.metadata, &r.current)
	if id, size, found := x.OutsideID(r.metadata.VocabularySize, r.metadata.VocabularySize); err == nil && found {
		err = fmt.Errorf("token id %d, outside the vocabulary of %d tokens", id, size)
	}
	if err != nil {
		return err
	}
	for _, c := range r.columns {
		if err := c.append(c, &r.current); err != nil {
			return err
		}
	}
	r.count++
	return nil
}

// appendRows adds the rows from first to last-1 of others of the same metadata.
func (r *Rows) appendRows(from *Rows, first, last int) error {
	for i, c := range r.columns {
		if err := c.appendRows(from.columns[i], first, last); err != nil {
			return err
		}
	}
	r.count += last - first
	return nil
}

// Reset empties the rows and keeps their memory.
func (r *Rows) Reset() {
	r.count = 0
	for _, c := range r.columns {
		c.reset()
	}
}
