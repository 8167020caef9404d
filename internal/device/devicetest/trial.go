package devicetest

import (
	"fmt"
	"math"
	"slices"

	"uer/internal/device"
)

// Trial is something that a device computes and another device computes, too.
type Trial struct {
	Name string
	run  func(device.Device) ([]float64, error)
}

// Trials are the cases, those of [Sharing] and [updates].
func Trials() ([]Trial, error) {
	trials, err := updates()
	if err != nil {
		return nil, err
	}
	for _, c := range slices.Concat(Sharing(), Cases) {
		p, err := c.Compile(nil)
		if err != nil {
			return nil, err
		}
		trials = append(trials, Trial{c.Name, p.passes})
	}
	return trials, nil
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

// Tolerance is how far apart two devices may be that both compute in float32, each in its own order.
const Tolerance = 1e-5

// Comparison tells how a device did in a trial.
type Comparison struct {
	Worst float64 // difference from the reference, divided by 1 + the reference's magnitude; +Inf where either is no number
	// Repeats tells whether a second run gave the same bits.
	Repeats bool
}

// Right tells whether the device computes what it should.
func (c Comparison) Right() bool { return c.Worst <= Tolerance && c.Repeats }

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
	c := Comparison{Repeats: slices.EqualFunc(got, again, sameBits)}
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
