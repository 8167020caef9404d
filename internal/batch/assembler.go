package batch

import (
	"fmt"

	"uer/internal/console"
	"uer/internal/dataset"
	"uer/internal/random"
	"uer/internal/registry"
	"uer/internal/task"
)

// assembler fills batches from instances. All random numbers come from one generator, as in UER-py: buffers are shuffled
// when they are filled, masks are drawn in the order of the batches.
type assembler struct {
	Options
	dataset      *dataset.Dataset
	order        *order
	generator    *random.Python
	adder        Adder
	skipEmpty    bool // skip batches without a token to predict
	skipBlank    bool // skip instances without a token to read
	outputLength int  // as Loader.OutputLength
	instance     task.Instance
	t5           t5
}

func newAssembler(d *dataset.Dataset, o Options) (*assembler, error) {
	t, err := registry.Find(task.ByName, "target", o.Target)
	if err != nil {
		return nil, err
	}
	adder, err := registry.Find(ByTarget, "target", o.Target)
	if err != nil {
		return nil, err
	}
	generator := random.NewPython(random.Seed(o.Seed)...)
	a := &assembler{
		Options: o, dataset: d, generator: generator, adder: adder, skipEmpty: t.PredictsTokens, skipBlank: t.Decoder,
		order: newOrder(d.Len(), o.Rank, o.WorldSize, o.BufferSize, generator),
	}
	if a.TargetVocabulary == nil {
		a.TargetVocabulary = o.Vocabulary
	}
	if t.Output {
		a.outputLength = d.Metadata.TargetSequenceLength
	}
	if adder.prepare != nil {
		err = adder.prepare(a)
	}
	return a, err
}

// fill makes the next batch, unless stop is closed.
func (a *assembler) fill(b *Batch, stop <-chan struct{}) error {
	start := a.order.read
	for {
		b.reset()
		for _, number := range a.order.take(a.BatchSize) {
			if err := a.add(b, number); err != nil {
				return err
			}
		}
		if !a.skipEmpty || len(b.Predicted) > 0 {
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

// add adds one instance to a batch.
func (a *assembler) add(b *Batch, number int) error {
	if err := a.dataset.Instance(number, &a.instance); err != nil {
		return err
	}
	if err := a.checkIDs(number); err != nil {
		return err
	}
	if a.skipBlank && isBlank(&a.instance) {
		return nil
	}
	if err := a.adder.add(a, b, &a.instance); err != nil {
		return fmt.Errorf("read %s: instance %d: %w", a.dataset.Path, number, err)
	}
	return nil
}

// isBlank reports whether the encoder has nothing to read of an instance. UER-py makes such an instance of a document that
// ends where an instance does. To most targets it is an empty sequence, but a decoder has nothing to attend to.
func isBlank(x *task.Instance) bool { return x.Ends[len(x.Ends)-1] == 0 }

// checkIDs keeps ids inside the model's tables, whatever the file holds. It is the only check on the way from a file to a
// model: UER-py's files do not name their vocabulary, and our own may be forged. The other indices of a batch are made
// here, from lengths and positions that package dataset has checked; its CheckLabels bounds the labels of cls. Where the
// kernels check indices once more, before native code uses them, a failure is an error in the program, not in a file.
func (a *assembler) checkIDs(number int) error {
	id, size, found := a.instance.OutsideID(a.Vocabulary.Size(), a.TargetVocabulary.Size())
	if !found {
		return nil
	}
	return console.Hint(fmt.Errorf("read %s: instance %d has token id %d, outside the vocabulary of %d tokens",
		a.dataset.Path, number, id, size), "pass the vocabulary that the dataset was made with")
}
