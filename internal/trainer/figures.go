package trainer

import (
	"math"
	"time"

	"uer/internal/batch"
	"uer/internal/device"
	"uer/internal/model"
	"uer/internal/optimizer"
)

// figures keeps what is known about the steps that have begun until they are reported. It reuses its memory.
type figures struct {
	steps   []stepFigures // steps that are not reported yet, oldest first
	latest  int           // the step that began last
	updates []int         // steps of the updates whose outputs are not known yet, oldest first
}

// stepFigures are the figures of one step.
type stepFigures struct {
	step        int
	tokens      int           // number of real tokens, on this rank
	length      int           // nominal length of the sequences
	predictions []int         // number of predictions of each head
	rate        float64       // learning rate
	issued      time.Time     // when the host had begun all of its work
	outputs     []float64     // of the program
	flops       int64         // of its matrix products, on this rank
	computed    bool          // whether the outputs are set
	took        time.Duration // to get the batch, and for the pass
	updates     bool          // whether an update follows the step
	norm        float64       // of the gradients of the update
	normed      bool          // whether the norm is set
}

// beginStep records a step that is about to run, how long it took to get its batch, and whether an update follows it.
func (f *figures) beginStep(m *model.Model, b *batch.Batch, inputs device.Inputs, step int, took time.Duration, updates bool) {
	n := len(f.steps)
	if n < cap(f.steps) {
		f.steps = f.steps[:n+1]
	} else {
		f.steps = append(f.steps, stepFigures{})
	}
	s := &f.steps[n]
	f.latest = step
	s.step, s.tokens, s.length, s.computed, s.updates, s.normed = step, len(b.Tokens), b.SequenceLength, false, updates, false
	s.took = took
	s.predictions = s.predictions[:0]
	for _, head := range m.Heads {
		s.predictions = append(s.predictions, len(inputs.Find(head.Labels)))
	}
}

// last returns the step that began last.
func (f *figures) last() *stepFigures { return &f.steps[len(f.steps)-1] }

// endPass records the outputs of the oldest step that has none. It returns that step, and whether its loss is finite.
func (f *figures) endPass(outputs device.Figures) (step int, finite bool) {
	i := 0
	for f.steps[i].computed {
		i++
	}
	s := &f.steps[i]
	s.took += outputs.Took
	s.computed, s.outputs, s.flops = true, append(s.outputs[:0], outputs.Outputs...), outputs.FLOPs
	return s.step, isFinite(s.outputs[0])
}

// beginUpdate records an update that has begun.
func (f *figures) beginUpdate(step int) { f.updates = append(f.updates, step) }

// endUpdate takes the outputs of the oldest update that has none. It returns the step of that update, and whether the
// gradients were finite.
func (f *figures) endUpdate(outputs device.Figures) (step int, finite bool) {
	step = f.updates[0]
	f.updates = f.updates[:copy(f.updates, f.updates[1:])]
	norm := outputs.Outputs[optimizer.Norm]
	f.setNorm(step, norm)
	return step, isFinite(norm) && outputs.Outputs[optimizer.Halted] == 0
}

// setNorm sets the norm of the gradients of the update after a step.
func (f *figures) setNorm(step int, norm float64) {
	for i := range f.steps {
		if s := &f.steps[i]; s.step == step {
			s.norm, s.normed = norm, true
		}
	}
}

// next removes the oldest step and returns it, or nil if its figures are not known yet. It is valid until the next
// beginStep.
func (f *figures) next() *stepFigures {
	n := len(f.steps)
	if n == 0 || !f.steps[0].computed || f.steps[0].updates && !f.steps[0].normed {
		return nil
	}
	oldest := f.steps[0]
	copy(f.steps, f.steps[1:])
	f.steps[n-1] = oldest
	f.steps = f.steps[:n-1]
	return &f.steps[:n][n-1]
}

func isFinite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
