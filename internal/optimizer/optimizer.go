// Package optimizer turns gradients into updates of the parameters: AdamW with groups of weight decay, clipping by the
// norm of the gradient, and schedules of the learning rate. All parameters lie in one flat buffer, and so do their
// gradients and moments.
package optimizer

import (
	"errors"
	"fmt"
	"math"

	"uer/internal/kernel"
)

// Settings of an optimizer.
type Settings struct {
	Name         string  // adamw
	LearningRate float64 // multiplied by the schedule's factor
	Beta1, Beta2 float64 // decay of the moments in an update; 0 stands for the usual 0.9 and 0.999
	WeightDecay  float64 // per update and learning rate; biases and the gains and biases of norms do not decay
	ClipNorm     float64 // longer gradients are scaled to this length; 0 means that they are not
	Schedule     Schedule
}

// epsilon of AdamW in UER-py.
const epsilon = 1e-6

// Optimizer updates the parameters of one model. Results are the same bits for any number of threads.
type Optimizer struct {
	// Updates made so far: the schedule goes on from here.
	Updates int

	settings      Settings
	cpu           *kernel.CPU
	ranges        []span
	first, second []float32 // moments, placed as the parameters are
}

// State is a flat buffer that an optimizer keeps from one update to the next, placed as the parameters are. To store
// it together with Updates, and to fill it again later, continues a training exactly.
type State struct {
	Name   string
	Values []float32
}

// New makes an optimizer of these parameters. Gradients are zero wherever the flat buffer holds none of them.
func New(cpu *kernel.CPU, s Settings, parameters []Parameter) (*Optimizer, error) {
	if s.Name != "adamw" {
		return nil, fmt.Errorf("no optimizer is called %q; there is adamw", s.Name)
	}
	if s.Beta1 == 0 {
		s.Beta1 = 0.9
	}
	if s.Beta2 == 0 {
		s.Beta2 = 0.999
	}
	for _, beta := range []float64{s.Beta1, s.Beta2} {
		if !(beta > 0 && beta < 1) {
			return nil, fmt.Errorf("the moments cannot decay by %g, only by a number between 0 and 1", beta)
		}
	}
	ranges, err := spans(parameters)
	if err != nil {
		return nil, err
	}
	size := 0
	if len(ranges) > 0 {
		size = ranges[len(ranges)-1].end
	}
	return &Optimizer{
		settings: s, cpu: cpu, ranges: ranges, first: make([]float32, size), second: make([]float32, size),
	}, nil
}

// State gives the memory itself, not a copy.
func (o *Optimizer) State() []State {
	return []State{{"first_moment", o.first}, {"second_moment", o.second}}
}

// Step updates the parameters in place, once, with gradientScale times the gradients: 1 for their sum, or one over the
// number of batches that they are the sum of. It returns the learning rate and the norm of the scaled gradient before
// clipping. If that is not finite, it returns an error and changes nothing.
func (o *Optimizer) Step(parameters, gradients []float32, gradientScale float32) (rate, norm float64, err error) {
	scale := float64(gradientScale)
	rate = o.settings.LearningRate * o.settings.Schedule(o.Updates)
	norm = math.Abs(scale) * math.Sqrt(o.cpu.SumSquares(gradients[:len(o.first)]))
	if math.IsNaN(norm) || math.IsInf(norm, 0) {
		return rate, norm, errors.New("the gradients are not finite")
	}
	if limit := o.settings.ClipNorm; limit > 0 && norm > limit {
		scale *= limit / norm
	}
	update := kernel.AdamW{
		Rate: rate, Beta1: o.settings.Beta1, Beta2: o.settings.Beta2, Epsilon: epsilon, GradientScale: scale,
	}
	for _, r := range o.ranges {
		update.WeightDecay = 0
		if r.decays {
			update.WeightDecay = o.settings.WeightDecay
		}
		first, second := o.first[r.start:r.end], o.second[r.start:r.end]
		o.cpu.AdamW(update, parameters[r.start:r.end], gradients[r.start:r.end], first, second)
	}
	o.Updates++
	return rate, norm, nil
}
