package instance

import (
	"context"
	"fmt"
	"sync"

	"uer/internal/console"
	"uer/internal/corpus"
	"uer/internal/masking"
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
	target     Target
	corpus     *corpus.Corpus
	workers    []*worker
	spare      sync.Pool // of batches
	emit       func(Instance) error
	progress   func(Progress)
	statistics Statistics
}

// Build makes the instances of a corpus and hands them to emit, one after the other; an instance is valid until emit
// returns. Progress, which may be nil, is called every few thousand tokens. Both are called in this goroutine.
//
// The instances and their order depend on the corpus and the settings alone, not on the number of workers: each
// document has random numbers of its own in each pass. One pass follows another; bert and FullSentences make all passes
// through one buffer of documents before they fill it again.
//
// Errors are those of the settings, of the corpus (with file and line), of emit, and a corpus that gives no instance.
// The end of ctx ends Build with its cause.
func Build(ctx context.Context, settings Settings, c *corpus.Corpus,
	emit func(Instance) error, progress func(Progress)) (Statistics, error) {
	if err := settings.Check(); err != nil {
		return Statistics{}, err
	}
	b := &builder{settings: &settings, target: ByTarget[settings.Target], corpus: c, emit: emit, progress: progress}
	b.spare.New = func() any { return &batch{targets: []masking.Target{}} } // not nil, even where nothing is masked
	for range settings.Workers {
		w, err := newWorker(&settings)
		if err != nil {
			return Statistics{}, err
		}
		b.workers = append(b.workers, w)
	}
	build := b.stream
	if b.target.pooled || settings.FullSentences {
		build = b.pools
	}
	err := build(ctx)
	if err == nil && b.statistics.Instances == 0 {
		err = b.nothing()
	}
	return b.statistics, err
}

// newBatch gives a worker an empty batch.
func (b *builder) newBatch(w *worker) *batch {
	w.batch = b.spare.Get().(*batch)
	w.batch.reset()
	return w.batch
}

// deliver hands the instances of a batch on. Documents and skipped lines count in the first pass only.
func (b *builder) deliver(made *batch, pass, done int) error {
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

// nothing explains why a corpus gives no instance.
func (b *builder) nothing() error {
	form := fmt.Sprintf("target %s needs %s", b.settings.Target, b.target.Corpus)
	if skipped := b.statistics.Skipped; skipped > 0 {
		err := fmt.Errorf("%s: none of its %s lines can be used; %s", b.corpus.Path, console.Count(skipped), form)
		return console.Hint(err, "columns are divided by tabs, not spaces; none may be empty or fill seq_length alone")
	}
	return console.Hint(fmt.Errorf("%s: no text in %s", b.corpus.Path, console.Bytes(int64(b.corpus.Size))), form)
}
