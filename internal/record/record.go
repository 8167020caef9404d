// Package record keeps what happens in a training in a folder, for people and programs to look at while it goes on and
// afterwards: the lines of log.jsonl, one JSON object each, and the event files of TensorBoard.
//
// A line or an event is written by one call of the system as soon as it is known, so that a process that is killed loses at
// most the last one. A training that goes on, or begins again, appends: from its first step on, its figures replace those
// of before ([Read]).
package record

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"time"
)

// Figure is a number that changes while a training goes on.
type Figure struct {
	Name  string
	Value float64
}

// Field is something that a record says besides its time, its event and its step.
type Field struct {
	Name  string
	Value any // what encoding/json can write
}

// The events of a training.
const (
	Start      = "start"      // with the settings and the versions
	Report     = "report"     // figures of the steps since the last one
	Evaluation = "evaluation" // figures on held-out data
	Checkpoint = "checkpoint"
	Warning    = "warning"
	Stop       = "stop" // with the reason
)

// Tokens is the name of the figure that counts real tokens of all ranks since the last Start.
const Tokens = "tokens"

// groups are the prefixes of the names of figures in TensorBoard.
var groups = map[string]string{Report: "train/", Evaluation: "held_out/"}

// Log writes the records of a training. A nil Log writes nothing. It must not be used by several goroutines at once.
type Log struct {
	folder string
	lines  *lines
	events *events
	now    func() time.Time
	status io.Writer
	err    error // the first one
}

// Setting is a setting of a training, as text.
type Setting struct{ Name, Value string }

// Beginning is what a training says of itself.
type Beginning struct {
	Step     int // the last one that was trained before
	Settings []Setting
	Versions []Setting // of the program and of what it runs on
	Resumed  string    // the checkpoint that it goes on from; "" if it begins
}

// Open begins to write to a folder, which it makes if it is not there. The first error after that is told to status at once.
func Open(folder string, b Beginning, status io.Writer) (*Log, error) {
	return open(folder, b, status, time.Now)
}

func open(folder string, b Beginning, status io.Writer, now func() time.Time) (*Log, error) {
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return nil, fmt.Errorf("make the folder of the log: %w", err)
	}
	l := &Log{folder: folder, now: now, status: status}
	var err error
	if l.lines, err = openLines(filepath.Join(folder, Name)); err != nil {
		return nil, err
	}
	if l.events, err = createEvents(folder, now()); err != nil {
		return nil, errors.Join(err, l.lines.close())
	}
	l.begin(b)
	return l, nil
}

func (l *Log) begin(b Beginning) {
	fields := []Field{{"settings", object(b.Settings)}, {"versions", object(b.Versions)}}
	if b.Resumed != "" {
		fields = append(fields, Field{"resumed", b.Resumed})
	}
	l.Event(Start, b.Step, fields...)
	for _, event := range beginningEvents(b, l.now()) {
		l.keep(l.events.write(event))
	}
}

// Event writes that something has happened after a step.
func (l *Log) Event(event string, step int, fields ...Field) {
	if l == nil {
		return
	}
	l.keep(l.lines.write(l.now(), event, step, fields))
}

// Figures writes figures after a step. event is Report or Evaluation. One that is not finite is left out of the lines, since
// JSON has no such numbers.
func (l *Log) Figures(event string, step int, figures []Figure) {
	if l == nil {
		return
	}
	now := l.now()
	var fields []Field
	for _, f := range figures {
		if !math.IsNaN(f.Value) && !math.IsInf(f.Value, 0) {
			fields = append(fields, Field{f.Name, f.Value})
		}
	}
	l.keep(l.lines.write(now, event, step, fields))
	l.keep(l.events.write(scalarsEvent(now, step, groups[event], figures)))
}

// keep keeps the first error. A record may be lost then, but the training goes on.
func (l *Log) keep(err error) {
	if l.err == nil && err != nil {
		l.err = err
		fmt.Fprintf(l.status, "Log      %s: %v; training goes on, with gaps there\n", l.folder, err)
	}
}

// Close writes why the training has ended after a step, and closes the files. It returns the first error of the log.
func (l *Log) Close(step int, reason string, failed bool) error {
	if l == nil {
		return nil
	}
	l.Event(Stop, step, Field{"reason", reason})
	l.keep(l.events.write(endEvent(l.now(), failed)))
	if err := errors.Join(l.err, l.lines.close(), l.events.close()); err != nil {
		return fmt.Errorf("%s is incomplete: %w", l.folder, err)
	}
	return nil
}

// object makes settings a JSON object.
func object(settings []Setting) map[string]string {
	m := map[string]string{}
	for _, s := range settings {
		m[s.Name] = s.Value
	}
	return m
}
