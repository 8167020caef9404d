// Package instance turns the documents of a corpus into training examples, one file a target. Build runs the recipe of
// a target: workers read and tokenize the corpus group by group, and make the instances of each document, either at once
// or, where documents are combined or gone through several times, once a buffer of documents is full. The instances have
// an order that does not depend on the number of workers.
package instance

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"uer/internal/console"
	"uer/internal/corpus"
	"uer/internal/task"
)

// Progress says how far Build has come.
type Progress struct {
	Done, Total int // bytes of the corpus, times passes
	Statistics
}

// Rows takes the instances that a worker makes, one by one.
type Rows interface {
	Append(x task.Instance) error // x is valid until Append returns
	Reset()                       // makes them empty again
}

// builder is one run of Build.
type builder struct {
	settings   *Settings
	task       task.Task
	recipe     Recipe
	corpus     *corpus.Corpus
	workers    []*worker
	spare      sync.Pool // of portions
	emit       func(Rows) error
	progress   func(Progress)
	statistics Statistics

	section  Section
	lines    int    // read so far
	checksum uint32 // of the section's text

	unknownLevel atomic.Int64 // what UnknownWords.Level is at least
}

// Build makes the instances of a corpus. Workers append them to rows that newRows makes, each to its own; emit gets the
// rows in order, which are valid until it returns. Progress, which may be nil, is called at the start and every few thousand
// tokens. newRows may be called by any worker, emit and progress are called in the caller's goroutine.
//
// The instances and their order depend only on the corpus and the settings, not on the number of workers: each document
// has its own random numbers in each pass. The passes go through one buffer of documents before it is filled again.
//
// Build fails if a setting is wrong, if the corpus cannot be read (with file and line) or makes no instance, and if Append
// or emit fails. When ctx ends, Build returns its cause.
func Build[R Rows](ctx context.Context, settings Settings, c *corpus.Corpus,
	newRows func() R, emit func(R) error, progress func(Progress)) (Statistics, error) {
	if err := settings.Check(); err != nil {
		return Statistics{}, err
	}
	section := whole(c)
	if settings.Section != nil {
		section = *settings.Section
	}
	b := &builder{
		settings: &settings, task: task.ByName[settings.Target], recipe: ByTarget[settings.Target], corpus: c, section: section,
		emit: func(rows Rows) error { return emit(rows.(R)) }, progress: progress,
	}
	b.spare.New = func() any { return &portion{rows: newRows()} }
	for range settings.Workers {
		w, err := newWorker(&settings)
		if err != nil {
			return Statistics{}, err
		}
		w.reader, w.unknownLevel = c.NewReader(), &b.unknownLevel
		b.workers = append(b.workers, w)
	}
	b.report(section.Before * settings.passes())
	steps := b.stream
	if settings.Buffered() {
		steps = b.buffered
	}
	err := ordered(ctx, b.workers, steps, b.deliver)
	b.statistics.Lines = int64(b.lines)
	switch {
	case err != nil:
	case settings.Section == nil:
		err = b.statistics.Check(&settings, c)
	case b.checksum != section.Checksum:
		err = fmt.Errorf("%s: the text has changed since it was divided into sections", c.Name())
	}
	return b.statistics, err
}

// newPortion gives a worker an empty portion.
func (b *builder) newPortion(w *worker) *portion {
	w.portion = b.spare.Get().(*portion)
	w.portion.reset()
	return w.portion
}

// deliver emits the instances of a portion.
func (b *builder) deliver(made *portion) error {
	if err := b.emit(made.rows); err != nil {
		return err
	}
	b.take(made)
	b.report(made.done)
	b.spare.Put(made)
	return nil
}

// report tells how far the text has been read, in bytes of the corpus times passes.
func (b *builder) report(done int) {
	if b.progress != nil {
		passes := b.settings.passes()
		b.progress(Progress{done - b.section.Before*passes, b.section.Size * passes, b.statistics})
	}
}

// Check explains what is wrong with a corpus that makes no instance, or that is one document where others are needed. The
// statistics are those of the whole corpus.
func (s *Statistics) Check(settings *Settings, c *corpus.Corpus) error {
	form := fmt.Sprintf("target %s needs %s", settings.Target, task.ByName[settings.Target].Corpus)
	alone := ByTarget[settings.Target].needsOthers && s.Documents == 1
	switch {
	case settings.Split.Fraction > 0 && (s.Documents == 0 || alone):
		return settings.Split.errTooFew(s.Documents, c)
	case alone:
		lines := console.Count(s.Lines) + " lines make"
		if s.Lines == 1 {
			lines = "1 line makes"
		}
		err := fmt.Errorf("%s: %s 1 document; %s", c.Name(), lines, form)
		return console.Hint(err, "if each line is a document, use --target mlm")
	case s.Instances > 0:
		return nil
	case s.Skipped > 0:
		lines := "none of its " + console.Count(s.Skipped) + " lines can"
		if s.Skipped == 1 {
			lines = "its 1 line cannot"
		}
		err := fmt.Errorf("%s: %s be used; %s", c.Name(), lines, form)
		return console.Hint(err, "separate columns with tabs, not spaces; none may be empty or fill seq_length alone")
	}
	return console.Hint(fmt.Errorf("%s: no text in %s", c.Name(), console.Bytes(int64(c.Size))), form)
}
