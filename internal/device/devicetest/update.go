package devicetest

import (
	"math"

	"uer/internal/device"
	"uer/internal/graph"
	"uer/internal/optimizer"
	"uer/internal/registry"
)

// updates are trials of every optimizer, with weight decay and with gradients that are clipped. The third of four
// updates has a gradient that is not finite, so neither it nor the fourth may change anything.
func updates(precision string) ([]Trial, error) {
	tolerance := Tolerances["fp32"] // updates store nothing in bfloat16
	if precision == "tf32" {
		tolerance = Tolerances[precision]
	}
	var trials []Trial
	for _, name := range registry.Names(optimizer.ByName) {
		layout := graph.NewLayout()
		for _, p := range []graph.Parameter{
			{Name: "encoder.weight", Shape: graph.Shape{40, 70}}, {Name: "bias", Shape: graph.Shape{40}},
			{Name: "filter", Shape: graph.Shape{4, 1, 2, 3}}, {Name: "encoder.tall", Shape: graph.Shape{50, 20}},
		} {
			layout.AddParameter(p)
		}
		o, err := optimizer.New(optimizer.Settings{Name: name, WeightDecay: 0.1, ClipNorm: 2}, layout)
		if err != nil {
			return nil, err
		}
		trials = append(trials, Trial{"update by " + name, tolerance, func(d device.Device) ([]float64, error) {
			return update(d, o.Program)
		}})
	}
	return trials, nil
}

// update runs the program of an update four times and returns its outputs, then the parameters and the state.
func update(d device.Device, p *graph.Program) ([]float64, error) {
	m, err := d.Allocate(p.Layout)
	if err != nil {
		return nil, err
	}
	e, err := d.Load(p, m)
	if err != nil {
		return nil, err
	}
	if err := m.Write(graph.InParameters, 0, drawn(p.Layout)); err != nil {
		return nil, err
	}
	gradients := drawn(p.Layout)
	var results []float64
	for number := 1; number <= 4; number++ {
		gradients[0] = float32(number)
		if number == 3 {
			gradients[0] = float32(math.Inf(1))
		}
		if err := m.Write(graph.InGradients, 0, gradients); err != nil {
			return nil, err
		}
		if err := e.Run(device.Run{Update: device.Update{Number: number, Rate: 0.01, Scale: 0.5}}); err != nil {
			return nil, err
		}
		figures, err := e.Figures(true)
		if err != nil {
			return nil, err
		}
		results = append(results, figures[0].Outputs...)
	}
	parameters, state := make([]float32, p.ParameterSize), make([]float32, p.StateSize)
	if err := m.Read(graph.InParameters, 0, parameters); err != nil {
		return nil, err
	}
	if err := m.Read(graph.InState, 0, state); err != nil {
		return nil, err
	}
	return appendFloats(appendFloats(results, parameters), state), nil
}

// drawn are random values of a layout's parameters, with zeros between them.
func drawn(l graph.Layout) []float32 {
	values := make([]float32, l.ParameterSize)
	for _, p := range l.Parameters {
		copy(values[p.Offset:], Random(p.Shape.Elements()))
	}
	return values
}
