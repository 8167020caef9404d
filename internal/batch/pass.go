package batch

import "uer/internal/dataset"

// maskSeed keys the masks of a Pass. It is the same for all runs, whatever their seed.
const maskSeed = 7

// Pass makes the batches of one pass over a dataset, for evaluation: in the order of the file, each instance once. Masks are
// drawn from a stream that only the number of the instance keys, so that figures of different runs, and with different
// batch sizes, are figures of the same predictions.
type Pass struct {
	OutputLength int // as Loader.OutputLength

	assembler *assembler
	batch     Batch
}

// NewPass fails if the dataset cannot evaluate the target. Of the options, BufferSize, From, Seed, Rank and WorldSize do not count.
func NewPass(d *dataset.Dataset, o Options) (*Pass, error) {
	o.BufferSize, o.From, o.Seed, o.Rank, o.WorldSize = 0, nil, maskSeed, 0, 1
	if err := o.check(d); err != nil {
		return nil, err
	}
	a, err := newAssembler(d, o)
	if err != nil {
		return nil, err
	}
	return &Pass{
		OutputLength: a.outputLength, assembler: a, batch: Batch{Size: o.BatchSize, SequenceLength: d.Metadata.SequenceLength},
	}, nil
}

// Len returns the number of batches.
func (p *Pass) Len() int {
	size := p.assembler.BatchSize
	return (p.Instances() + size - 1) / size
}

// Instances returns the number of instances.
func (p *Pass) Instances() int { return p.assembler.dataset.Len() }

// Verify reads all instances, so that damage is found before a training depends on them.
func (p *Pass) Verify() error {
	for i := range p.Instances() {
		if err := p.assembler.read(i); err != nil {
			return err
		}
	}
	return nil
}

// Batch makes a batch, which is valid until the next call. It may be short, and predict nothing.
func (p *Pass) Batch(i int) (*Batch, error) {
	size := p.assembler.BatchSize
	p.batch.reset()
	for number := i * size; number < min((i+1)*size, p.Instances()); number++ {
		if err := p.assembler.add(&p.batch, place{ordinal: int64(number), number: number}); err != nil {
			return nil, err
		}
	}
	return &p.batch, nil
}
