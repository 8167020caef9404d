package trainer

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"sync"
	"sync/atomic"

	"uer/internal/batch"
	"uer/internal/collective"
	"uer/internal/console"
	"uer/internal/device"
	"uer/internal/graph"
	"uer/internal/model"
)

// Evaluator computes the figures of a model on held-out data, on one device. The ranks share the batches; which of them
// computes a batch changes nothing, so the figures do not depend on the number of ranks.
type Evaluator struct {
	Model      *model.Model // made by model.NewForward
	Program    device.Executable
	Batches    *batch.Pass
	Collective collective.Collective // the connection to the other ranks; nil if there are none

	memory device.Memory
	inputs device.Inputs
	begun  atomic.Int64 // batches of all ranks that have begun, about
	issued []int        // batches whose outputs are not known yet, oldest first
	table  []float32    // [batches, heads, 3]: loss, correct predictions, predictions
}

// Load loads the program on a device, with a memory of its own that holds the given parameters.
func (e *Evaluator) Load(d device.Device, parameters []float32) (err error) {
	if e.memory, err = d.Allocate(e.Model.Program.Layout); err != nil {
		return err
	}
	if err = e.memory.Write(graph.InParameters, 0, parameters); err != nil {
		return err
	}
	return e.share(d, e.memory)
}

// share loads the program on the memory of a training.
func (e *Evaluator) share(d device.Device, memory device.Memory) (err error) {
	e.memory = memory
	e.Program, err = d.Load(e.Model.Program, memory)
	return err
}

// Describe says how far a run has got, for a status line.
func (e *Evaluator) Describe() string {
	begun, all := e.begun.Load(), int64(e.Batches.Len())
	return fmt.Sprintf("%2d%%  batch %s of %s", 100*begun/max(all, 1), console.Count(begun), console.Count(all))
}

// columns of the table for each batch and head.
const (
	lossColumn = iota
	correctColumn
	predictionsColumn
	columns
)

// Run evaluates the parameters that the memory of the program holds. All ranks must call it together. If it shall stop on one
// of them, it returns without figures on all.
func (e *Evaluator) Run(stops func() bool) (figures Evaluation, stopped bool, err error) {
	// One more element counts the ranks that want to stop.
	e.table = append(e.table[:0], make([]float32, e.Batches.Len()*len(e.Model.Heads)*columns+1)...)
	last := len(e.table) - 1
	first, step := 0, 1
	if e.Collective != nil {
		first, step = e.Collective.Rank(), e.Collective.Size()
	}
	for i := first; i < e.Batches.Len(); i += step {
		if stops() {
			e.table[last] = 1
			break
		}
		e.begun.Store(int64(i))
		if err := e.evaluate(i); err != nil {
			return figures, false, err
		}
	}
	if err := e.take(true); err != nil {
		return figures, false, err
	}
	if e.Collective != nil {
		if err := e.gather(); err != nil {
			return figures, false, err
		}
	}
	return e.total(), e.table[last] > 0, nil
}

// gather replaces the table by the sum of those of all ranks. Every other rank has zeros where this one has figures, so the
// sums are exact.
func (e *Evaluator) gather() error {
	const most = 16 << 10 // elements at a time, so that messages stay short
	for start := 0; start < len(e.table); start += most {
		part := e.table[start:min(start+most, len(e.table))]
		var own []byte
		for _, x := range part {
			own = binary.LittleEndian.AppendUint32(own, math.Float32bits(x))
		}
		all, err := e.Collective.Gather(own)
		if err != nil {
			return err
		}
		clear(part)
		for _, given := range all {
			for i := range part {
				part[i] += math.Float32frombits(binary.LittleEndian.Uint32(given[4*i:]))
			}
		}
	}
	return nil
}

// Evaluate runs the evaluators of all ranks of this process, which must be connected, unless there is only one. It returns
// the error of the one that failed first, or the cause if ctx is cancelled.
func Evaluate(ctx context.Context, ranks []*Evaluator) (Evaluation, error) {
	var figures Evaluation // of rank 0; those of the others are the same
	stopped := false
	errs := make([]error, len(ranks))
	var all sync.WaitGroup
	for i, e := range ranks {
		all.Go(func() {
			rank, stops, err := e.Run(func() bool { return ctx.Err() != nil })
			if err != nil && e.Collective != nil {
				err = e.Collective.Abort(err)
			}
			if errs[i] = err; i == 0 {
				figures, stopped = rank, stops
			}
		})
	}
	all.Wait()
	if stopped {
		return figures, context.Cause(ctx)
	}
	return figures, cmp.Or(errs...)
}

// evaluate begins to evaluate a batch, unless it predicts nothing.
func (e *Evaluator) evaluate(number int) error {
	b, err := e.Batches.Batch(number)
	if err != nil {
		return err
	}
	e.inputs = b.Inputs(e.inputs)
	predicts := false
	for i, head := range e.Model.Heads {
		n := len(e.inputs.Find(head.Labels))
		e.row(number, i)[predictionsColumn] = float32(n)
		predicts = predicts || n > 0
	}
	if !predicts {
		return nil
	}
	if err := e.Program.Feed(e.inputs); err != nil {
		return fmt.Errorf("evaluating batch %d: %w", number+1, err)
	}
	if err := e.Program.Run(device.Run{}); err != nil {
		return fmt.Errorf("evaluating batch %d: %w", number+1, err)
	}
	e.issued = append(e.issued, number)
	return e.take(false)
}

// take stores the outputs that are known; with wait, those of all batches.
func (e *Evaluator) take(wait bool) error {
	runs, err := e.Program.Figures(wait)
	if err != nil {
		return fmt.Errorf("evaluating: %w", err)
	}
	for _, run := range runs {
		for i, head := range e.Model.Heads {
			row := e.row(e.issued[0], i)
			row[lossColumn], row[correctColumn] = float32(run.Outputs[head.Loss]), float32(run.Outputs[head.Correct])
		}
		e.issued = e.issued[:copy(e.issued, e.issued[1:])]
	}
	return nil
}

// row returns the figures of one head on one batch.
func (e *Evaluator) row(batch, head int) []float32 {
	return e.table[(batch*len(e.Model.Heads)+head)*columns:][:columns]
}

// total adds up the batches in their order.
func (e *Evaluator) total() Evaluation {
	sums := Evaluation{Instances: e.Batches.Instances()}
	for i, head := range e.Model.Heads {
		h := HeadEvaluation{Name: head.Name, Tokens: head.Tokens}
		for batch := range e.Batches.Len() {
			row := e.row(batch, i)
			h.Loss += float64(row[lossColumn]) * float64(row[predictionsColumn])
			h.Correct += float64(row[correctColumn])
			h.Predictions += float64(row[predictionsColumn])
		}
		h.Loss /= max(h.Predictions, 1)
		sums.Loss += h.Loss
		sums.Heads = append(sums.Heads, h)
	}
	return sums
}
