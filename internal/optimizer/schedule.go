package optimizer

import (
	"cmp"
	"errors"
	"fmt"
	"math"

	"uer/internal/registry"
)

// Schedule returns the factor of the learning rate for an update, counted from 0.
type Schedule func(update int) float64

// Plan is what a schedule depends on.
type Plan struct {
	Updates      int     // number of updates in the training
	Warmup       float64 // fraction of the updates in which the rate grows; their number is not rounded
	LearningRate float64 // highest rate
	Decay        float64 // fraction of the updates in which the rate of tri_stage falls; 0 means a half
	Falling      int     // number of the last updates in which the rate of wsd falls; 0 means a tenth of all
}

// ScheduleByName holds UER-py's schedules of the learning rate. Most grow linearly from 0 during the warm-up, so the first
// update changes only the moments.
var ScheduleByName = map[string]func(Plan) Schedule{
	"linear":               linear,
	"cosine":               cosine,
	"cosine_with_restarts": cosineWithRestarts,
	"polynomial":           polynomial,
	"constant":             constant,
	"constant_with_warmup": constantWithWarmup,
	"inverse_sqrt":         inverseSquareRoot,
	"tri_stage":            triStage,
	"wsd":                  warmupStableDecay,
}

// lowestRate is the rate at which polynomial ends, and the rate of inverse_sqrt after the last update.
const lowestRate = 1e-7

// NewSchedule returns a schedule by name.
func NewSchedule(name string, p Plan) (Schedule, error) {
	build, err := registry.Find(ScheduleByName, "scheduler", name)
	if err != nil {
		return nil, err
	}
	switch {
	case !(p.Warmup >= 0 && p.Warmup <= 1):
		return nil, fmt.Errorf("warmup %g: must be between 0 and 1", p.Warmup)
	case name == "inverse_sqrt" && p.Warmup == 0:
		return nil, errors.New("warmup 0: must be above 0 with scheduler inverse_sqrt, which falls from the end of the warm-up")
	case name == "polynomial" && p.LearningRate <= lowestRate:
		return nil, fmt.Errorf("learning_rate %g: must be above %g with scheduler polynomial, which falls to that rate",
			p.LearningRate, lowestRate)
	}
	p.Decay = cmp.Or(p.Decay, 0.5)
	p.Falling = cmp.Or(p.Falling, (p.Updates+9)/10)
	return build(p), nil
}

// warm returns the length of the warm-up in updates.
func (p Plan) warm() float64 { return p.Warmup * float64(p.Updates) }

// progress returns the fraction of the updates after the warm-up that come before this one.
func (p Plan) progress(update float64) float64 {
	return (update - p.warm()) / math.Max(1, float64(p.Updates)-p.warm())
}

// warmed returns a schedule that grows linearly during the warm-up and then follows after.
func (p Plan) warmed(after func(update float64) float64) Schedule {
	return func(update int) float64 {
		if k := float64(update); k >= p.warm() {
			return after(k)
		}
		return float64(update) / math.Max(1, p.warm())
	}
}

// linear falls to 0 at the last update.
func linear(p Plan) Schedule {
	return p.warmed(func(update float64) float64 {
		return math.Max(0, (float64(p.Updates)-update)/math.Max(1, float64(p.Updates)-p.warm()))
	})
}

// cosine falls to 0 along half a period of a cosine.
func cosine(p Plan) Schedule {
	return p.warmed(func(update float64) float64 {
		return math.Max(0, 0.5*(1+math.Cos(math.Pi*p.progress(update))))
	})
}

// cosineWithRestarts has a single cycle in UER-py. It differs from cosine in that it stays at 0 after the last update.
func cosineWithRestarts(p Plan) Schedule {
	return p.warmed(func(update float64) float64 {
		if p.progress(update) >= 1 {
			return 0
		}
		return math.Max(0, 0.5*(1+math.Cos(math.Pi*p.progress(update))))
	})
}

// polynomial falls to lowestRate by a polynomial of degree 1, as in UER-py.
func polynomial(p Plan) Schedule {
	return p.warmed(func(update float64) float64 {
		left := 1 - p.progress(update)
		if update > float64(p.Updates) {
			left = 0
		}
		return ((p.LearningRate-lowestRate)*left + lowestRate) / p.LearningRate
	})
}

func constant(Plan) Schedule { return func(int) float64 { return 1 } }

func constantWithWarmup(p Plan) Schedule {
	return p.warmed(func(float64) float64 { return 1 })
}

// inverseSquareRoot falls with the square root of the number of updates (Vaswani et al., Attention is all you need,
// 2017).
func inverseSquareRoot(p Plan) Schedule {
	return p.warmed(func(update float64) float64 {
		if update > float64(p.Updates) {
			return lowestRate / p.LearningRate
		}
		return math.Sqrt(p.warm() / update)
	})
}

// triStage grows from 1 %, stays at 100 %, then falls exponentially to 5 % (Park et al., SpecAugment, 2019).
func triStage(p Plan) Schedule {
	const first, last = 0.01, 0.05
	falling := p.Decay * float64(p.Updates)
	return func(update int) float64 {
		k := float64(update)
		switch start := math.Max(p.warm(), float64(p.Updates)-falling); {
		case k < p.warm():
			return first + (1-first)*k/p.warm()
		case k < start:
			return 1
		case k < start+falling:
			return math.Exp(math.Log(last) * (k - start) / falling)
		}
		return last
	}
}

// warmupStableDecay grows, stays at 100 %, and falls linearly to 0 in the last updates (Hu et al., MiniCPM, 2024; Hägele et
// al., Scaling laws and compute-optimal training beyond fixed training durations, 2024). What comes before the fall does not
// depend on the length of the training, so that any checkpoint of it can be continued, or brought to an end.
func warmupStableDecay(p Plan) Schedule {
	return p.warmed(func(update float64) float64 {
		return math.Min(1, math.Max(0, (float64(p.Updates)-update)/float64(p.Falling)))
	})
}
