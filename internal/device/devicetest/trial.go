package devicetest

import (
	"fmt"
	"math"
	"slices"

	"uer/internal/device"
	"uer/internal/graph"
)

// Trial is something that a device computes and another device computes, too.
type Trial struct {
	Name      string
	tolerance float64
	run       func(device.Device) ([]float64, error)
}

// Trials are the cases, those of [Sharing] and [updates], for a device that computes in a precision. The reference may store
// activations in float32.
func Trials(precision string) ([]Trial, error) {
	trials, err := updates(precision)
	if err != nil {
		return nil, err
	}
	activations := graph.Float32
	if precision == "bf16" {
		activations = graph.BFloat16
	}
	for _, c := range slices.Concat(Sharing(), Cases) {
		programs := map[graph.Type]*Program{}
		for _, t := range []graph.Type{graph.Float32, activations} {
			if programs[t], err = c.Compile(nil, t); err != nil {
				return nil, err
			}
			if activations == graph.BFloat16 {
				roundAll(programs[t].Initial)
			}
		}
		run := func(d device.Device) ([]float64, error) { return programs[d.Activations()].passes(d) }
		trials = append(trials, Trial{c.Name, Tolerances[precision], run})
	}
	return trials, nil
}

// roundAll rounds values to eight significant bits, as bfloat16 has.
func roundAll(values []float32) {
	for i, v := range values {
		u := math.Float32bits(v)
		values[i] = math.Float32frombits((u + 0x7fff + u>>16&1) &^ 0xffff)
	}
}

// passes returns the losses and gradients of one pass, and of a pass whose gradients are added to those of another.
func (p *Program) passes(d device.Device) (results []float64, err error) {
	for passes := 1; passes <= 2; passes++ {
		loss, gradients, err := p.Run(d, passes)
		if err != nil {
			return nil, err
		}
		results = appendFloats(append(results, loss), gradients)
	}
	return results, nil
}

func appendFloats(results []float64, values []float32) []float64 {
	for _, v := range values {
		results = append(results, float64(v))
	}
	return results
}

// Tolerances are how far a device may be from one that computes in float32, by its precision: if it does so, too, in another
// order; if it rounds the factors of products to eleven significant bits, which is an error of up to 2⁻¹² each time; or if it
// rounds what it stores to bfloat16, 2⁻⁹.
var Tolerances = map[string]float64{"fp32": 1e-5, "tf32": 5e-3, "bf16": 4e-2}

// Comparison tells how a device did in a trial.
type Comparison struct {
	Worst float64 // difference from the reference, divided by 1 + the reference's magnitude; +Inf where either is no number
	// Repeats tells whether a second run gave the same bits.
	Repeats bool

	tolerance float64
}

// Right tells whether the device computes what it should.
func (c Comparison) Right() bool { return c.Worst <= c.tolerance && c.Repeats }

// Compare runs the trial on a device, twice, and on a reference.
func (t Trial) Compare(d, reference device.Device) (Comparison, error) {
	want, err := t.run(reference)
	if err != nil {
		return Comparison{}, fmt.Errorf("%s: %w", reference.Name(), err)
	}
	got, err := t.run(d)
	if err != nil {
		return Comparison{}, err
	}
	again, err := t.run(d)
	if err != nil {
		return Comparison{}, err
	}
	c := Comparison{tolerance: t.tolerance, Repeats: slices.EqualFunc(got, again, sameBits)}
	for i := range want {
		c.Worst = max(c.Worst, difference(got[i], want[i]))
	}
	return c, nil
}

func sameBits(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) }

func difference(got, want float64) float64 {
	if got == want { // both may be infinite
		return 0
	}
	d := math.Abs(got-want) / (1 + math.Abs(want))
	if math.IsNaN(d) {
		return math.Inf(1)
	}
	return d
}
