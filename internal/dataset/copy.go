package dataset

import (
	"fmt"
	"maps"

	"uer/internal/console"
	"uer/internal/task"
)

// Settings returns what the dataset was made with, by the keys of the file.
func (m *Metadata) Settings() map[string]string {
	all := map[string]string{}
	for _, p := range m.settings() {
		all[p.key] = p.value
	}
	return all
}

// Copy adds copies of all instances of the dataset at path, which must have been made with the same settings.
func (w *Writer) Copy(path string) error {
	d, err := Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	f, ours := d.source.(*arrowFile)
	if !ours || !maps.Equal(f.metadata.Settings(), w.metadata.Settings()) {
		return console.Hint(fmt.Errorf("copy %s: made with other settings than %s", path, w.path), remake)
	}
	var x task.Instance
	dropped := 0
	for i := range d.Len() {
		if err := d.Instance(i, &x); err != nil {
			return err
		}
		if err := w.Append(x); err != nil {
			return err
		}
		if i%f.rows == 0 { // what has been copied is not needed any more
			start := f.extents[i/f.rows].start
			f.mapping.Drop(dropped, start)
			dropped = start
		}
	}
	return nil
}
