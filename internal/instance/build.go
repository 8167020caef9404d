// Package instance turns the documents of a corpus into training examples, one file a target. Build runs the recipe of
// a target: it reads documents, hands them to workers in groups or, where documents are combined, through a buffer, and
// emits the instances in an order that does not depend on the number of workers.
package instance

import (
	"context"
	"fmt"
	"sync"

	"uer/internal/console"
	"uer/internal/corpus"
	"uer/internal/task"
)

// Statistics counts what Build made.
type Statistics struct {
	Documents int64 // that instances came from, each counted once
	Skipped   int64 // lines that the target cannot use
	Instances int64
	Tokens    int64 // inputs, and outputs of seq2seq, without padding
	Unknown   int64 // tokens that the vocabulary lacks
	Masked    int64 // tokens hidden by static masks
}

// Progress says how far Build has come.
type Progress struct {
	Done, Total int // bytes of the corpus, times passes
	Statistics
}

// builder is one run of Build.
type builder struct {
	settings   *Settings
	task       task.Task
	recipe     Recipe
	corpus     *corpus.Corpus
	workers    []*worker
	spare      sync.Pool // of portions
	emit       func(task.Instance) error
	progress   func(Progress)
	statistics Statistics
}

// Build makes the instances of a corpus and hands them to emit one by one; an instance is valid until emit returns.
// Progress, which may be nil, is called every few thousand tokens. Both are called in the caller's goroutine.
//
// The instances and their order depend only on the corpus and the settings, not on the number of workers: each document
// has its own random numbers in each pass. Passes follow one another; bert and FullSentences make all passes through one
// buffer of documents before they fill it again.
//
// Build fails if a setting is wrong, if the corpus cannot be read (with file and line) or makes no instance, and if emit
// fails. When ctx ends, Build returns its cause.
func Build(ctx context.Context, settings Settings, c *corpus.Corpus,
	emit func(task.Instance) error, progress func(Progress)) (Statistics, error) {
	if err := settings.Check(); err != nil {
		return Statistics{}, err
	}
	b := &builder{
		settings: &settings, task: task.ByName[settings.Target], recipe: ByTarget[settings.Target],
		corpus: c, emit: emit, progress: progress,
	}
	b.spare.New = func() any { return &portion{masks: []task.Mask{}} } // not nil, even where nothing is masked
	for range settings.Workers {
		w, err := newWorker(&settings)
		if err != nil {
			return Statistics{}, err
		}
		w.reader = c.NewReader()
		b.workers = append(b.workers, w)
	}
	build := b.stream
	if b.recipe.needsOthers || settings.FullSentences {
		build = b.buffered
	}
	err := build(ctx)
	if err == nil && b.statistics.Instances == 0 {
		err = b.errNoInstances()
	}
	return b.statistics, err
}

// newPortion gives a worker an empty portion.
func (b *builder) newPortion(w *worker) *portion {
	w.portion = b.spare.Get().(*portion)
	w.portion.reset()
	return w.portion
}

// deliver emits the instances of a portion. Documents and skipped lines count in the first pass only.
func (b *builder) deliver(made *portion, pass, done int) error {
	for _, x := range made.instances {
		if err := b.emit(x); err != nil {
			return err
		}
	}
	s, more := &b.statistics, &made.statistics
	if pass == 0 {
		s.Documents += more.Documents
		s.Skipped += more.Skipped
	}
	s.Instances += more.Instances
	s.Tokens += more.Tokens
	s.Unknown += more.Unknown
	s.Masked += more.Masked
	b.spare.Put(made)
	if b.progress != nil {
		b.progress(Progress{done, b.corpus.Size * b.settings.passes(), *s})
	}
	return nil
}

// errNoInstances explains why a corpus makes no instance.
func (b *builder) errNoInstances() error {
	form := fmt.Sprintf("target %s needs %s", b.task.Name, b.task.Corpus)
	if skipped := b.statistics.Skipped; skipped > 0 {
		err := fmt.Errorf("%s: none of its %s lines can be used; %s", b.corpus.Name(), console.Count(skipped), form)
		return console.Hint(err, "separate columns with tabs, not spaces; none may be empty or fill seq_length alone")
	}
	return console.Hint(fmt.Errorf("%s: no text in %s", b.corpus.Name(), console.Bytes(int64(b.corpus.Size))), form)
}
