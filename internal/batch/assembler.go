package batch

import (
	"errors"
	"fmt"
	"math"

	"uer/internal/console"
	"uer/internal/dataset"
	"uer/internal/random"
	"uer/internal/registry"
	"uer/internal/task"
)

// assembler fills batches from instances. In UER-py's order, all random numbers come from one generator, as in UER-py:
// buffers are shuffled when they are filled, masks are drawn in the order of the batches. In our own order, the generator
// is keyed by the instance's ordinal before its masks are drawn, which therefore do not depend on the ranks.
type assembler struct {
	Options
	dataset      *dataset.Dataset
	order        order
	generator    *random.Python
	keyed        bool // the generator is keyed by each instance
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
	a := &assembler{
		Options: o, dataset: d, generator: random.NewPython(random.Seed(o.Seed)...), adder: adder,
		skipEmpty: t.PredictsTokens, skipBlank: t.Decoder,
	}
	if a.TargetVocabulary == nil {
		a.TargetVocabulary = o.Vocabulary
	}
	if t.Output {
		a.outputLength = d.Metadata.TargetSequenceLength
	}
	if adder.prepare != nil {
		if err := adder.prepare(a); err != nil {
			return nil, err
		}
	}
	return a, a.setOrder()
}

// setOrder sets the order of the instances, and continues where the options say.
func (a *assembler) setOrder() error {
	from := a.From
	if a.BufferSize == 0 {
		a.keyed = true
		if from == nil {
			from = new(Position)
		}
		if len(from.Ranks) > 0 || from.Instances < 0 || from.Instances > math.MaxInt64/2 {
			return errors.New("the position in the data is not one of this order")
		}
		a.order = newGlobal(a.dataset, &a.Options, from.Instances)
		return nil
	}
	order := newBuffered(a.dataset.Len(), &a.Options, a.generator)
	a.order = order
	if from == nil {
		return nil
	}
	progress, err := from.progress(a.Rank, a.WorldSize)
	if err != nil {
		return fmt.Errorf("the position in the data: %w", err)
	}
	order.resume(&progress)
	return nil
}

// fill makes the next batch, unless stop is closed.
func (a *assembler) fill(b *Batch, stop <-chan struct{}) error {
	for {
		b.reset()
		for _, p := range a.order.take() {
			if err := a.add(b, p); err != nil {
				return err
			}
		}
		if !a.skipEmpty || len(b.Predicted) > 0 {
			a.order.done(&b.After)
			return nil
		}
		select {
		case <-stop:
			return errClosed
		default:
		}
		// After as many passes as there are ranks, each rank has seen each instance.
		if a.order.passed() > (a.WorldSize+1)*a.dataset.Len() {
			return console.Hint(fmt.Errorf("%s has no batch with a token to predict", a.dataset.Path),
				"its texts are too short: look at the corpus, and at --seq_length of uer preprocess")
		}
	}
}

// add adds one instance to a batch.
func (a *assembler) add(b *Batch, p place) error {
	if err := a.read(p.number); err != nil {
		return err
	}
	if a.skipBlank && isBlank(&a.instance) {
		return nil
	}
	if a.keyed && a.dataset.Metadata.Dynamic {
		a.generator.Reset(maskKey(a.Seed, p.ordinal)...)
	}
	if err := a.adder.add(a, b, &a.instance); err != nil {
		path, number := a.dataset.Locate(p.number)
		return fmt.Errorf("read %s: instance %d: %w", path, number, err)
	}
	b.Instances = append(b.Instances, p.number)
	return nil
}

// maskKey keys the masks of an instance by its ordinal.
func maskKey(seed, ordinal int64) []uint32 {
	key := random.Mix(random.Mix(uint64(seed)) ^ uint64(ordinal))
	return []uint32{uint32(key), uint32(key >> 32)}
}

// read reads and checks an instance.
func (a *assembler) read(number int) error {
	if err := a.dataset.Instance(number, &a.instance); err != nil {
		return err
	}
	return a.checkIDs(number)
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
	path, number := a.dataset.Locate(number)
	return console.Hint(fmt.Errorf("read %s: instance %d has token id %d, outside the vocabulary of %d tokens",
		path, number, id, size), "pass the vocabulary that the dataset was made with")
}
