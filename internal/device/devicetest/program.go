package devicetest

import (
	"fmt"
	"math/rand/v2"

	"uer/internal/device"
	"uer/internal/graph"
	"uer/internal/op"
)

// Program is a case compiled, with values for its parameters and inputs.
type Program struct {
	*graph.Program
	Builder  *graph.Builder
	Initial  []float32 // parameters
	Integers map[string][]int32
}

// Compile makes a program whose loss finish makes of the operation's output; nil stands for [CrossEntropy]. Activations are
// stored in the given type.
func (c Case) Compile(finish func(b *graph.Builder, y *graph.Node) *graph.Node, activations graph.Type) (*Program, error) {
	if finish == nil {
		finish = CrossEntropy
	}
	p := &Program{Builder: graph.NewBuilder(), Integers: map[string][]int32{"rows": rows, "starts": starts}}
	for name, data := range c.Integers {
		p.Integers[name] = data
	}
	b := p.Builder
	b.Activations = activations
	for name, data := range p.Integers {
		b.Input(name, graph.Int32, len(data))
	}
	var parameters []*graph.Node
	for i, shape := range c.Parameters {
		parameters = append(parameters, b.Parameter(fmt.Sprint("p", i), shape...))
	}
	y := c.Build(b, parameters, b.Named)
	if b.Err() != nil {
		return nil, fmt.Errorf("%s: %w", c.Name, b.Err())
	}
	if len(graph.Dimensions(y)) > 0 {
		y = finish(b, y)
		if labels := graph.Dimensions(b.Named("of y")); labels != nil {
			p.Integers["of y"] = make([]int32, labels.Elements())
			for i := range p.Integers["of y"] {
				p.Integers["of y"][i] = int32(i % classes)
			}
		}
	}
	var err error
	if p.Program, err = b.Compile(y); err != nil {
		return nil, fmt.Errorf("%s: %w", c.Name, err)
	}
	p.Initial = Random(p.ParameterSize)
	return p, nil
}

const classes = 4

// CrossEntropy makes a loss of y [rows, width], which classes are predicted from.
func CrossEntropy(b *graph.Builder, y *graph.Node) *graph.Node {
	shape := graph.Dimensions(y)
	weight, labels := b.Parameter("weight of y", classes, shape[1]), b.Input("of y", graph.Int32, shape[0])
	return b.Apply(op.CrossEntropy{}, y, weight, labels)
}

// Random draws n numbers from a normal distribution, always the same ones.
func Random(n int) []float32 {
	generator := rand.New(rand.NewPCG(1, 2))
	values := make([]float32, n)
	for i := range values {
		values[i] = float32(generator.NormFloat64())
	}
	return values
}

// Inputs are the program's, for a device.
func (p *Program) Inputs() device.Inputs {
	var inputs device.Inputs
	for name, data := range p.Integers {
		inputs = append(inputs, device.Input{Name: name, Data: data})
	}
	return inputs
}

// Run runs the program on a device a number of times, each but the first adding to the gradients, and returns the loss and
// the gradients.
func (p *Program) Run(d device.Device, passes int) (loss float64, gradients []float32, err error) {
	m, err := d.Allocate(p.Layout)
	if err != nil {
		return 0, nil, err
	}
	e, err := d.Load(p.Program, m)
	if err != nil {
		return 0, nil, err
	}
	if err := m.Write(graph.InParameters, 0, p.Initial); err != nil {
		return 0, nil, err
	}
	for pass := range passes {
		if err := e.Feed(p.Inputs()); err != nil {
			return 0, nil, err
		}
		if err := e.Run(device.Run{Accumulate: pass > 0}); err != nil {
			return 0, nil, err
		}
	}
	figures, err := e.Figures(true)
	if err != nil {
		return 0, nil, err
	}
	gradients = make([]float32, p.ParameterSize)
	return figures[0].Outputs[0], gradients, m.Read(graph.InGradients, 0, gradients)
}
