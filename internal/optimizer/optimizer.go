// Package optimizer turns gradients into updates of the parameters: AdamW and Adafactor with weight decay, clipping by the
// norm of the gradients, and schedules of the learning rate.
//
// It computes nothing itself. An update is a [graph.Program] on the parameters, the gradients and the optimizer state,
// which [New] assembles and a device runs. An [Optimizer] counts the updates and takes the learning rate of each from a
// [Schedule].
package optimizer

import (
	"cmp"
	"errors"
	"fmt"

	"uer/internal/graph"
	"uer/internal/op"
	"uer/internal/registry"
)

// Settings are the settings of an optimizer.
type Settings struct {
	Name         string  // key of ByName
	LearningRate float64 // multiplied by the factor of the schedule
	Beta1, Beta2 float64 // adamw, stableadamw: decay rates of the moments; 0 means 0.9 and 0.999
	WeightDecay  float64 // multiplied by the learning rate; biases and the parameters of norms do not decay
	ClipNorm     float64 // maximum norm of the gradients; 0 for no limit
	Schedule     Schedule

	// Rank is the number of this rank, of Ranks that divide the update among themselves (ZeRO-1). Without Ranks, each does
	// all of it.
	Rank, Ranks int
}

// Optimizer updates the parameters of one model.
type Optimizer struct {
	// Updates is the number of updates so far, where the schedule continues.
	Updates int

	// Program is one update of all trained parameters, or of those of this rank. Its layout is the model's with the
	// optimizer state added, or the part of it that the rank has. Norm and Halted are the indices of its outputs.
	Program *graph.Program
	// Whole is the layout of the program with the state of all ranks.
	Whole graph.Layout
	// Division says how the update is divided over the ranks; nil if it is not.
	Division *Division

	settings Settings
}

// The outputs of an update's program.
const (
	Norm   = iota // norm of the scaled gradients, before clipping
	Halted        // 1 once a loss or a norm has not been finite: nothing is updated from then on
)

// method is one optimizer: how ranks may divide its update, and what adds its instructions to an update.
type method struct {
	divide bounds
	add    func(s Settings, u *update)
}

// ByName holds the optimizers by name, UER-py's where it has them.
var ByName = map[string]method{
	"adamw":       {equalBounds, adamW},
	"adafactor":   {tensorBounds, adafactor},
	"muon":        {tensorBounds, muon},
	"stableadamw": {tensorBounds, stableAdamW},
}

// New returns an optimizer for the parameters of a layout. Between the gradients, the flat buffer must hold zeros.
func New(s Settings, layout graph.Layout) (*Optimizer, error) {
	method, err := registry.Find(ByName, "optimizer", s.Name)
	if err != nil {
		return nil, err
	}
	s.Beta1, s.Beta2 = cmp.Or(s.Beta1, 0.9), cmp.Or(s.Beta2, 0.999)
	if !(s.Beta1 > 0 && s.Beta1 < 1 && s.Beta2 > 0 && s.Beta2 < 1) {
		return nil, fmt.Errorf("beta1 %g, beta2 %g: must be above 0 and below 1", s.Beta1, s.Beta2)
	}
	parameters := trained(layout)
	if len(parameters) == 0 {
		return nil, errors.New("the model has no trained parameters")
	}
	u := newUpdate(layout, parameters, s, method.divide)
	method.add(s, u)
	program, err := u.Program(u.norm, u.halted)
	if err != nil {
		return nil, fmt.Errorf("assembling the update: %w", err)
	}
	o := &Optimizer{settings: s, Program: program, Whole: u.whole}
	if s.Ranks > 1 {
		o.Division, u.division.Rank = &u.division, s.Rank
	}
	return o, nil
}

// NewNorm returns a program that computes the norm of the gradients, as an update does before it clips them. Its output is
// that norm.
func (o *Optimizer) NewNorm(layout graph.Layout) (*graph.Program, error) {
	a := graph.NewAssembler(layout)
	var squares op.SumSquares
	if d := o.Division; d != nil {
		squares = op.SumSquares{Shares: d.Parameters, Rank: d.Rank}
	}
	norm, _ := addNorm(a, trained(layout), squares, 0)
	return a.Program(norm)
}

// addNorm adds the norm of the scaled gradients and the factor that limits it; 0 for no limit. squareSums says how their
// squares are added up.
func addNorm(a *graph.Assembler, parameters []graph.Parameter, squareSums op.SumSquares, limit float64) (norm, factor int) {
	size := end(parameters[len(parameters)-1])
	gradients := a.Value(graph.Value{Shape: graph.Shape{size}, Place: graph.InGradients})
	squares := a.Value(graph.Value{Type: graph.Float64})
	norm, factor = a.Value(graph.Value{Type: graph.Float64}), a.Value(graph.Value{Type: graph.Float64})
	a.Do(squareSums, []int{gradients}, squares)
	a.Do(op.Clip{Limit: limit}, []int{squares}, norm, factor)
	return norm, factor
}

// Next counts an update and returns its number, from 1, and its learning rate.
func (o *Optimizer) Next() (number int, rate float64) {
	rate = o.settings.LearningRate * o.settings.Schedule(o.Updates)
	o.Updates++
	return o.Updates, rate
}

// update is the program of an update, being assembled.
type update struct {
	*graph.Assembler
	layout     *graph.Layout
	parameters []graph.Parameter // the trained ones, by offset
	factor     int               // value that multiplies the gradients
	norm       int               // value of their norm
	halted     int               // value of the flag that stops all updates

	rank, ranks int // this rank, of those that divide the update; at least one
	whole       graph.Layout
	division    Division
}

// newUpdate begins an update with the norm of the gradients. It limits the update, and stops it if it is not finite: so it needs
// a pass over the gradients of its own, even without a limit, for nothing may be updated unless all of them are finite. The
// gradients are those of all parameters, so the norm has the same bits on all ranks, and however they divide it.
func newUpdate(layout graph.Layout, parameters []graph.Parameter, s Settings, divide bounds) *update {
	u := &update{
		Assembler: graph.NewAssembler(layout), parameters: parameters, rank: s.Rank, ranks: max(s.Ranks, 1), whole: layout,
	}
	for _, flag := range layout.State { // all ranks have it
		u.division.State = append(u.division.State, Part{Size: flag.Size, Whole: flag.Offset, Own: flag.Offset})
	}
	u.layout = u.Layout()
	u.division.Parameters = divide(parameters, u.ranks)
	var squareSums op.SumSquares
	if u.ranks > 1 {
		squareSums = op.SumSquares{Shares: u.division.Parameters, Rank: u.rank}
	}
	u.norm, u.factor = addNorm(u.Assembler, parameters, squareSums, s.ClipNorm)
	u.halted = u.Value(graph.Halted())
	u.Do(graph.Guard{}, []int{u.norm}, u.halted)
	return u
}

// in adds a value at an offset of a flat buffer and returns its index.
func (u *update) in(place graph.Place, shape graph.Shape, offset int) int {
	return u.Value(graph.Value{Shape: shape, Place: place, Offset: offset})
}
