// Package optimizer says how gradients become updates of the parameters: AdamW and Adafactor with groups of weight decay,
// clipping by the norm of the gradient, and schedules of the learning rate. It computes nothing: an update is a program
// over parameters, gradients and optimizer state, which a device runs.
package optimizer

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"uer/internal/graph"
	"uer/internal/op"
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

// Optimizer updates the parameters of one model.
type Optimizer struct {
	// Updates made so far: the schedule goes on from here.
	Updates int

	// Program is one update. All parameters that are trained move in it. Its layout is that of the model, with the state
	// that the optimizer keeps; Norm and Halted number its outputs.
	Program *graph.Program

	settings Settings
}

// The outputs of an update's program.
const (
	Norm   = iota // of the scaled gradients, before clipping
	Halted        // 1 once a loss or a norm was not finite: nothing is updated from then on
)

// method puts the instructions of one kind of optimizer into an update.
type method func(s Settings, u *update)

// ByName holds the optimizers by their UER-py names.
var ByName = map[string]method{
	"adamw":     adamW,
	"adafactor": adafactor,
}

// New makes an optimizer of the parameters that a layout places. Gradients are zero wherever the flat buffer holds none of
// them.
func New(s Settings, layout graph.Layout) (*Optimizer, error) {
	build := ByName[s.Name]
	if build == nil {
		names := slices.Sorted(maps.Keys(ByName))
		return nil, fmt.Errorf("optimizer %q is not one of %s", s.Name, strings.Join(names, ", "))
	}
	s.Beta1, s.Beta2 = cmp.Or(s.Beta1, 0.9), cmp.Or(s.Beta2, 0.999)
	for _, beta := range []float64{s.Beta1, s.Beta2} {
		if !(beta > 0 && beta < 1) {
			return nil, fmt.Errorf("the moments cannot decay by %g, only by a number between 0 and 1", beta)
		}
	}
	parameters := trained(layout)
	if len(parameters) == 0 {
		return nil, fmt.Errorf("the model has no parameters that are trained")
	}
	u := newUpdate(layout, parameters, s.ClipNorm)
	build(s, u)
	program, err := u.Program(u.norm, u.halted)
	if err != nil {
		return nil, fmt.Errorf("assembling the update: %w", err)
	}
	return &Optimizer{settings: s, Program: program}, nil
}

// Next counts an update, and gives its number, from 1, and its learning rate.
func (o *Optimizer) Next() (number int, rate float64) {
	rate = o.settings.LearningRate * o.settings.Schedule(o.Updates)
	o.Updates++
	return o.Updates, rate
}

// update is the program of an update while it is assembled.
type update struct {
	*graph.Assembler
	layout     *graph.Layout
	parameters []graph.Parameter // that are trained, in the order of their places
	factor     int               // values: what multiplies the gradients
	norm       int               // their norm
	halted     int               // the flag that ends all updates
}

// newUpdate begins an update with the norm of the gradients, which both clips them and guards the parameters.
func newUpdate(layout graph.Layout, parameters []graph.Parameter, clip float64) *update {
	u := &update{Assembler: graph.NewAssembler(layout), parameters: parameters}
	u.layout = u.Layout()
	size := end(parameters[len(parameters)-1])
	gradients := u.Value(graph.Value{Shape: graph.Shape{size}, Place: graph.InGradients})
	squares := u.Value(graph.Value{Type: graph.Float64})
	u.norm, u.factor = u.Value(graph.Value{Type: graph.Float64}), u.Value(graph.Value{Type: graph.Float64})
	u.halted = u.Value(graph.Halted())
	u.Do(op.SumSquares{}, []int{gradients}, squares)
	u.Do(op.Clip{Limit: clip}, []int{squares}, u.norm, u.factor)
	u.Do(graph.Guard{}, []int{u.norm}, u.halted)
	return u
}

// in is a value at a place.
func (u *update) in(place graph.Place, shape graph.Shape, offset int) int {
	return u.Value(graph.Value{Shape: shape, Place: place, Offset: offset})
}
