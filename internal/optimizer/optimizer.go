// Package optimizer turns gradients into updates of the parameters: AdamW and Adafactor with groups of weight decay,
// clipping by the norm of the gradient, and schedules of the learning rate. All parameters lie in one flat buffer, and so
// do their gradients.
package optimizer

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"uer/internal/kernel"
)

// Settings of an optimizer.
type Settings struct {
	Name         string  // key of ByName
	LearningRate float64 // multiplied by the schedule's factor
	Beta1, Beta2 float64 // adamw: decay of the moments in an update; 0 stands for the usual 0.9 and 0.999
	WeightDecay  float64 // per update and learning rate; biases and the gains and biases of norms do not decay
	ClipNorm     float64 // longer gradients are scaled to this length; 0 means that they are not
	Schedule     Schedule
}

// Optimizer updates the parameters of one model. Results are the same bits for any number of threads.
type Optimizer struct {
	// Updates made so far: the schedule goes on from here.
	Updates int

	settings Settings
	cpu      *kernel.CPU
	size     int // elements of the flat buffers
	method   method
}

// method is what one kind of optimizer does. All parameters move in each update.
type method interface {
	// update changes the parameters, given scale times the gradients. Number counts the updates from 1.
	update(number int, rate, scale float64, parameters, gradients []float32)
	state() []State
}

// ByName holds the optimizers by their UER-py names.
var ByName = map[string]func(cpu *kernel.CPU, s Settings, parameters []Parameter) method{
	"adamw":     newAdamW,
	"adafactor": newAdafactor,
}

// State is a flat buffer that an optimizer keeps from one update to the next. To store all of them together with
// Updates, and to fill them again later, continues a training exactly.
type State struct {
	Name   string
	Values []float32
}

// New makes an optimizer of these parameters. Gradients are zero wherever the flat buffer holds none of them.
func New(cpu *kernel.CPU, s Settings, parameters []Parameter) (*Optimizer, error) {
	build := ByName[s.Name]
	if build == nil {
		names := slices.Sorted(maps.Keys(ByName))
		return nil, fmt.Errorf("no optimizer is called %q; there are %s", s.Name, strings.Join(names, ", "))
	}
	s.Beta1, s.Beta2 = cmp.Or(s.Beta1, 0.9), cmp.Or(s.Beta2, 0.999)
	for _, beta := range []float64{s.Beta1, s.Beta2} {
		if !(beta > 0 && beta < 1) {
			return nil, fmt.Errorf("the moments cannot decay by %g, only by a number between 0 and 1", beta)
		}
	}
	sorted, err := inOrder(parameters)
	if err != nil {
		return nil, err
	}
	return &Optimizer{settings: s, cpu: cpu, size: end(sorted), method: build(cpu, s, sorted)}, nil
}

// State gives the memory itself, not a copy.
func (o *Optimizer) State() []State { return o.method.state() }

// Step updates the parameters in place, once, with gradientScale times the gradients: 1 for their sum, or one over the
// number of batches that they are the sum of. It returns the learning rate and the norm of the scaled gradient before
// clipping. If that is not finite, it returns an error and changes nothing.
func (o *Optimizer) Step(parameters, gradients []float32, gradientScale float32) (rate, norm float64, err error) {
	scale := float64(gradientScale)
	rate = o.settings.LearningRate * o.settings.Schedule(o.Updates)
	norm = math.Abs(scale) * math.Sqrt(o.cpu.SumSquares(gradients[:o.size]))
	if math.IsNaN(norm) || math.IsInf(norm, 0) {
		return rate, norm, errors.New("the gradients are not finite")
	}
	if limit := o.settings.ClipNorm; limit > 0 && norm > limit {
		scale *= limit / norm
	}
	o.method.update(o.Updates+1, rate, scale, parameters, gradients)
	o.Updates++
	return rate, norm, nil
}
