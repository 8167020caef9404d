package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// Name is the name of the file of lines in the folder of a log.
const Name = "log.jsonl"

// lines is a file of JSON objects, one a line.
type lines struct{ appender }

// openLines opens a file to append to. A last line that was not written to its end is removed.
func openLines(path string) (*lines, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o666)
	if err != nil {
		return nil, err
	}
	if err := removePartialLine(file); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), file.Close())
	}
	to, err := newAppender(file)
	return &lines{to}, err
}

// removePartialLine shortens a file to the end of its last whole line.
func removePartialLine(file *os.File) error {
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return err
	}
	const block = 64 << 10
	for end := info.Size(); end > 0; {
		start := max(end-block, 0)
		data := make([]byte, end-start)
		if _, err := file.ReadAt(data, start); err != nil {
			return err
		}
		if i := bytes.LastIndexByte(data, '\n'); i >= 0 {
			return file.Truncate(start + int64(i) + 1)
		}
		end = start
	}
	return file.Truncate(0)
}

// write appends a line.
func (l *lines) write(now time.Time, event string, step int, fields []Field) error {
	all := append([]Field{{"time", now.UTC().Format("2006-01-02T15:04:05.000Z")}, {"event", event}, {"step", step}}, fields...)
	var line bytes.Buffer
	for i, f := range all {
		name, err := json.Marshal(f.Name)
		if err != nil {
			return err
		}
		value, err := json.Marshal(f.Value)
		if err != nil {
			return fmt.Errorf("log: %s: %w", f.Name, err)
		}
		line.WriteByte("{,"[min(i, 1)])
		line.Write(name)
		line.WriteByte(':')
		line.Write(value)
	}
	line.WriteString("}\n")
	return l.appender.write(line.Bytes())
}

// Entry is a line of a log.
type Entry struct {
	Time  time.Time `json:"time"`
	Event string    `json:"event"`
	Step  int       `json:"step"`

	Figures map[string]float64 `json:"-"` // of a Report or an Evaluation
	Text    map[string]string  `json:"-"` // other fields that are text
}

// Read reads the lines of a log, which may be written meanwhile. Where a training has gone on from an earlier step, or has
// begun again, what was written before about later steps is left out. The last line may be incomplete.
func Read(r io.Reader) ([]Entry, error) {
	const limit = 256 << 20
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if len(data) > limit {
		return nil, fmt.Errorf("it has more than %d MiB", limit>>20)
	}
	var entries []Entry
	for number := 1; ; number++ {
		line, rest, whole := bytes.Cut(data, []byte("\n"))
		if !whole {
			return entries, nil
		}
		data = rest
		entry, err := parse(line)
		if err != nil {
			return entries, fmt.Errorf("line %d: %w", number, err)
		}
		if entry.Event == Start {
			entries = upTo(entries, entry.Step)
		}
		entries = append(entries, entry)
	}
}

func parse(line []byte) (Entry, error) {
	var entry Entry
	if err := json.Unmarshal(line, &entry); err != nil {
		return entry, err
	}
	var fields map[string]any
	if err := json.Unmarshal(line, &fields); err != nil {
		return entry, err
	}
	if entry.Event == "" {
		return entry, errors.New("it has no event")
	}
	entry.Figures, entry.Text = map[string]float64{}, map[string]string{}
	for name, value := range fields {
		switch value := value.(type) {
		case float64:
			if name != "step" {
				entry.Figures[name] = value
			}
		case string:
			if name != "time" && name != "event" {
				entry.Text[name] = value
			}
		}
	}
	return entry, nil
}

// upTo leaves out what is said about steps after one.
func upTo(entries []Entry, step int) []Entry {
	kept := entries[:0]
	for _, e := range entries {
		if e.Step <= step && (e.Step < step || e.Event != Stop) {
			kept = append(kept, e)
		}
	}
	return kept
}
