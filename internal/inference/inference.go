// Package inference puts trained models to work: it fills masks, continues texts, embeds and scores sentences, and finds
// words that are near each other.
//
// A [Runner] runs a forward program over texts of any lengths, in batches of similar ones. A [Generator] writes a text token
// by token. What is made of the numbers that a model leaves, such as the likeliest tokens ([Top]) or the probability of one
// ([LogProbability]), is computed here, in float64. The result for a text does not depend on the texts beside it.
package inference

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"uer/internal/device"
	"uer/internal/graph"
	"uer/internal/model"
)

// Sequence is one text as a model reads it.
type Sequence struct {
	Tokens    []int32
	Predicted []int32 // the places whose tokens are predicted, ascending; a program of encodings ignores them
}

// Runner runs a program on one device.
type Runner struct {
	output  *model.Output
	limits  model.Limits
	program device.Executable
	memory  device.Memory
	inputs  batch
	rows    []float32
}

// NewRunner loads a program, made for the given limits, on a device, with a memory of its own for the parameters.
func NewRunner(d device.Device, output *model.Output, limits model.Limits, parameters []float32) (*Runner, error) {
	memory, err := allocate(d, output.Program.Layout, parameters)
	if err != nil {
		return nil, err
	}
	r := &Runner{output: output, limits: limits, memory: memory}
	r.program, err = d.Load(output.Program, memory)
	return r, err
}

func allocate(d device.Device, layout graph.Layout, parameters []float32) (device.Memory, error) {
	memory, err := d.Allocate(layout)
	if err != nil {
		return nil, err
	}
	return memory, memory.Write(graph.InParameters, 0, parameters)
}

// Run computes all sequences, none of which may be empty or longer than the limits. take receives the rows of sequence i
// [rows, width], which are valid until it returns; it is called by several goroutines, in any order, once for each i. If ctx
// is cancelled, Run returns its cause.
func (r *Runner) Run(ctx context.Context, sequences []Sequence, take func(i int, rows []float32) error) error {
	order := make([]int, len(sequences)) // the longest first
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return len(sequences[b].Tokens) - len(sequences[a].Tokens) })
	for len(order) > 0 {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		n := r.fill(sequences, order)
		if n == 0 {
			return fmt.Errorf("a text of %d tokens is longer than the batch", len(sequences[order[0]].Tokens))
		}
		if err := r.run(sequences, order[:n], take); err != nil {
			return err
		}
		order = order[n:]
	}
	return nil
}

// fill makes a batch of the first sequences that fit together, and returns how many these are.
func (r *Runner) fill(sequences []Sequence, order []int) int {
	r.inputs.reset()
	for n, i := range order {
		s := &sequences[i]
		if n == r.limits.Sequences || len(s.Tokens) > r.limits.Length ||
			len(r.inputs.tokens)+len(s.Tokens) > r.limits.Tokens ||
			len(r.inputs.predicted)+len(s.Predicted) > r.limits.Predictions {
			return n
		}
		r.inputs.add(s.Tokens, s.Predicted)
	}
	return len(order)
}

// run computes the batch of the given sequences and hands out its rows.
func (r *Runner) run(sequences []Sequence, batch []int, take func(i int, rows []float32) error) error {
	starts := make([]int, len(batch)+1) // rows of each sequence
	_, predicts := r.output.Program.Inputs["predicted"]
	for n, i := range batch {
		starts[n+1] = starts[n] + 1
		if predicts {
			starts[n+1] = starts[n] + len(sequences[i].Predicted)
		}
	}
	var err error
	if r.rows, err = compute(r.program, r.memory, r.output, &r.inputs, starts[len(batch)], r.rows); err != nil {
		return err
	}
	return parallel(len(batch), func(n int) error {
		return take(batch[n], r.rows[starts[n]*r.output.Width:starts[n+1]*r.output.Width])
	})
}

// compute runs a program and reads the rows that it leaves to memory that may be used again.
func compute(program device.Executable, memory device.Memory, output *model.Output, inputs *batch, rows int,
	to []float32) ([]float32, error) {
	if err := program.Feed(inputs.list()); err != nil {
		return to, fmt.Errorf("computing the model: %w", err)
	}
	if err := program.Run(device.Run{}); err != nil {
		return to, fmt.Errorf("computing the model: %w", err)
	}
	if _, err := program.Figures(true); err != nil {
		return to, fmt.Errorf("computing the model: %w", err)
	}
	to = slices.Grow(to[:0], rows*output.Width)[:rows*output.Width]
	if err := memory.Read(graph.InState, output.Rows.Offset, to); err != nil {
		return to, fmt.Errorf("reading the model's output: %w", err)
	}
	return to, nil
}

// parallel calls f for 0 to n-1 on all processors and returns the errors.
func parallel(n int, f func(i int) error) error {
	workers := min(n, runtime.GOMAXPROCS(0))
	errs := make([]error, workers)
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for i := w; i < n && errs[w] == nil; i += workers {
				errs[w] = f(i)
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}
