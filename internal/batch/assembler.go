package batch

import (
	"errors"
	"fmt"

	"uer/internal/console"
	"uer/internal/dataset"
	"uer/internal/instance"
	"uer/internal/random"
)

// assembler fills batches from instances. All random numbers come from one generator, as in UER-py: a buffer is shuffled
// when it is filled, masks are drawn in the order of the batches.
type assembler struct {
	Options
	dataset      *dataset.Dataset
	order        *order
	generator    *random.Python
	add          func(a *assembler, b *Batch, x *instance.Instance) error
	guard        bool    // batches without a token to predict are passed over
	outputLength int     // as Loader.OutputLength
	sentinels    []int32 // t5
	instance     instance.Instance
	output       []int32 // t5
	collapsed    []int32 // t5: the text with sentinels
}

func newAssembler(d *dataset.Dataset, o Options) (*assembler, error) {
	generator := random.NewPython(random.Seed(o.Seed)...)
	a := &assembler{Options: o, dataset: d, generator: generator,
		order: newOrder(d.Len(), o.Rank, o.WorldSize, o.BufferSize, generator),
		add:   adders[o.Target], guard: o.Target != "cls"}
	if a.TargetVocabulary == nil {
		a.TargetVocabulary = o.Vocabulary
	}
	switch o.Target {
	case "seq2seq":
		a.outputLength = d.Metadata.TargetSequenceLength
	case "t5":
		if a.sentinels = sentinels(o.Vocabulary); len(a.sentinels) == 0 {
			return nil, console.Hint(errors.New("the vocabulary has no token <extra_id_0>, which t5 puts in place of masked text"),
				"add the lines <extra_id_0> to <extra_id_99> to the vocabulary, in place of unused tokens")
		}
		a.outputLength = longestOutput(d.Metadata.SequenceLength)
	}
	return a, nil
}

// fill makes the next batch that has something to predict.
func (a *assembler) fill(b *Batch, stop <-chan struct{}) error {
	start := a.order.read
	for {
		b.reset()
		for _, number := range a.order.take(a.BatchSize) {
			if err := a.dataset.Instance(number, &a.instance); err != nil {
				return err
			}
			if err := a.check(number); err != nil {
				return err
			}
			if err := a.add(a, b, &a.instance); err != nil {
				return fmt.Errorf("read %s: instance %d: %w", a.dataset.Path, number, err)
			}
		}
		if !a.guard || len(b.Predicted) > 0 {
			return nil
		}
		select {
		case <-stop:
			return errClosed
		default:
		}
		// After as many passes as there are ranks, each rank has seen each instance.
		if a.order.read-start > (a.WorldSize+1)*a.dataset.Len() {
			return console.Hint(fmt.Errorf("%s has no batch with a token to predict", a.dataset.Path),
				"its texts are too short: look at the corpus, and at --seq_length of uer preprocess")
		}
	}
}

// check keeps ids and labels inside the model's tables, where the file does not say that they are.
func (a *assembler) check(number int) error {
	x := &a.instance
	path := a.dataset.Path
	if a.Target == "cls" && (x.Label < 0 || int(x.Label) >= a.Labels) {
		return console.Hint(fmt.Errorf("read %s: instance %d has label %d, outside 0 to %d", path, number, x.Label, a.Labels-1),
			fmt.Sprintf("pass --labels_num %d or more", x.Label+1))
	}
	size := a.Vocabulary.Size()
	outside := firstOutside(x.Tokens, size)
	for _, target := range x.Targets {
		if int(target.ID) >= size {
			outside = target.ID
		}
	}
	if outside < 0 {
		size = a.TargetVocabulary.Size()
		outside = firstOutside(x.Output, size)
	}
	if outside < 0 {
		return nil
	}
	return console.Hint(fmt.Errorf("read %s: instance %d has token id %d, outside the vocabulary of %d tokens", path, number, outside, size),
		"pass the vocabulary that the dataset was made with")
}

// firstOutside returns the first id that is not below size, -1 if there is none. None is negative.
func firstOutside(ids []int32, size int) int32 {
	for _, id := range ids {
		if int(id) >= size {
			return id
		}
	}
	return -1
}
