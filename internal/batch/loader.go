package batch

import (
	"errors"
	"fmt"
	"math"
	"sync"

	"uer/internal/dataset"
	"uer/internal/masking"
	"uer/internal/vocab"
)

// ahead is the number of batches in use: one is read by the model, the others are ready or being made.
const ahead = 3

// Options say which batches a rank gets.
type Options struct {
	Target           string            // what to train; the dataset must have been made for it
	Vocabulary       *vocab.Vocabulary // bounds the ids of the dataset
	TargetVocabulary *vocab.Vocabulary // seq2seq: bounds the ids of the output; nil: the same
	BatchSize        int
	BufferSize       int // UER-py's order: number of instances that are shuffled together; 0: our own order
	Seed             int64
	Rank, WorldSize  int
	Masker           *masking.Masker // draws the masks of a dataset that has none
	KeepPadding      bool            // pad each sequence to the sequence length
	From             *Position       // where to continue; nil: at the start
	Verify           bool            // read the whole dataset in the background and end with what is wrong with it
}

// Loader makes batches a few ahead, in a goroutine of its own. The dataset must stay open until Close.
type Loader struct {
	OutputLength int // maximum length of a sequence in Batch.Output; 0 if the target has none

	free    chan *Batch // to be filled
	ready   chan *Batch
	stop    chan struct{} // closed to end the goroutine, which then closes ready
	stopped sync.Once
	err     error // why ready was closed
	current *Batch
	checked *verification // nil if there is none
}

var errClosed = errors.New("the batch loader has been closed")

// New starts to make batches. It fails if the dataset cannot train the target.
func New(d *dataset.Dataset, o Options) (*Loader, error) {
	if err := o.check(d); err != nil {
		return nil, err
	}
	a, err := newAssembler(d, o)
	if err != nil {
		return nil, err
	}
	l := &Loader{
		OutputLength: a.outputLength,
		free:         make(chan *Batch, ahead),
		ready:        make(chan *Batch, ahead),
		stop:         make(chan struct{}),
	}
	if o.Verify {
		if l.checked, err = verify(d, o, l.stop); err != nil {
			return nil, err
		}
	}
	for range ahead {
		l.free <- &Batch{Size: o.BatchSize, SequenceLength: d.Metadata.SequenceLength}
	}
	go l.run(a)
	return l, nil
}

// check returns an error if the dataset cannot serve the target, or an option is out of range.
func (o *Options) check(d *dataset.Dataset) error {
	if err := d.CheckTarget(o.Target); err != nil {
		return err
	}
	length := d.Metadata.SequenceLength
	if o.BatchSize < 1 || o.BufferSize < 0 || o.Rank < 0 || o.Rank >= o.WorldSize {
		return fmt.Errorf("batches of %d from buffers of %d for rank %d of %d",
			o.BatchSize, o.BufferSize, o.Rank, o.WorldSize)
	}
	if limit := math.MaxInt32 / length / o.WorldSize; o.BatchSize > limit {
		return fmt.Errorf("batches of %d sequences of %d tokens on each of %d ranks: at most %d are possible",
			o.BatchSize, length, o.WorldSize, limit)
	}
	if o.Masker == nil && d.Metadata.Dynamic {
		return fmt.Errorf("%s holds no masks, and nothing draws them", d.Path)
	}
	return nil
}

// run fills batches until an error or Close.
func (l *Loader) run(a *assembler) {
	defer close(l.ready)
	for {
		select {
		case <-l.stop:
			l.err = errClosed
			return
		case b := <-l.free:
			if l.err = a.fill(b, l.stop); l.err != nil {
				return
			}
			l.ready <- b
		}
	}
}

// Next returns the next batch, which is valid until the next call.
func (l *Loader) Next() (*Batch, error) {
	if l.current != nil {
		l.free <- l.current
		l.current = nil
	}
	if err := l.checked.damage(); err != nil {
		return nil, err
	}
	b, ok := <-l.ready
	if !ok {
		return nil, l.err
	}
	l.current = b
	return b, nil
}

// Close stops the goroutine and waits for it to end. A second call does nothing.
func (l *Loader) Close() {
	l.stopped.Do(func() {
		close(l.stop)
		for range l.ready {
		}
		l.checked.close()
	})
}
