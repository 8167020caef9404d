package optimizer

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// Schedule gives the factor of the learning rate for an update, counted from 0.
type Schedule func(update int) float64

// Plan is what a schedule depends on.
type Plan struct {
	Updates      int     // updates in the whole training
	Warmup       float64 // share of them in which the rate grows, from 0 to 1; the product is not rounded
	LearningRate float64 // highest rate
	Decay        float64 // share of the updates in which tri_stage lets the rate fall
}

// ScheduleByName holds UER-py's schedules of the learning rate. Most grow linearly from 0 during the warm-up, so that
// the first update changes nothing but the moments.
var ScheduleByName = map[string]func(Plan) Schedule{
	"linear":               linear,
	"cosine":               cosine,
	"cosine_with_restarts": cosineWithRestarts,
	"polynomial":           polynomial,
	"constant":             constant,
	"constant_with_warmup": constantWithWarmup,
	"inverse_sqrt":         inverseSquareRoot,
	"tri_stage":            triStage,
}

// lowestRate is where polynomial ends, and where inverse_sqrt goes after the last update.
const lowestRate = 1e-7

// NewSchedule makes the schedule of a name for so many updates, of which the share warmup has growing rates.
func NewSchedule(name string, updates int, warmup, learningRate float64) (Schedule, error) {
	build := ScheduleByName[name]
	if build == nil {
		names := slices.Sorted(maps.Keys(ScheduleByName))
		return nil, fmt.Errorf("schedule %q is not one of %s", name, strings.Join(names, ", "))
	}
	switch {
	case !(warmup >= 0 && warmup <= 1):
		return nil, fmt.Errorf("a warm-up of %g is not a share of the updates between 0 and 1", warmup)
	case name == "inverse_sqrt" && warmup == 0:
		return nil, fmt.Errorf("the schedule inverse_sqrt falls from the end of the warm-up and needs one above 0")
	case name == "polynomial" && learningRate <= lowestRate:
		return nil, fmt.Errorf("the schedule polynomial falls to a rate of %g and needs a higher one than %g",
			lowestRate, learningRate)
	}
	return build(Plan{Updates: updates, Warmup: warmup, LearningRate: learningRate, Decay: 0.5}), nil
}

// warm is the length of the warm-up in updates.
func (p Plan) warm() float64 { return p.Warmup * float64(p.Updates) }

// progress is the share of the updates after the warm-up that lie before this one.
func (p Plan) progress(update float64) float64 {
	return (update - p.warm()) / math.Max(1, float64(p.Updates)-p.warm())
}

// warmed grows linearly during the warm-up and goes on as after says.
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

// cosine falls to 0 along half a wave.
func cosine(p Plan) Schedule {
	return p.warmed(func(update float64) float64 {
		return math.Max(0, 0.5*(1+math.Cos(math.Pi*p.progress(update))))
	})
}

// cosineWithRestarts has a single start in UER-py: it differs from cosine in staying at 0 after the last update.
func cosineWithRestarts(p Plan) Schedule {
	return p.warmed(func(update float64) float64 {
		if p.progress(update) >= 1 {
			return 0
		}
		return math.Max(0, 0.5*(1+math.Cos(math.Pi*p.progress(update))))
	})
}

// polynomial falls to lowestRate, by a polynomial of degree 1.
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

// triStage grows from a hundredth, holds, and falls exponentially to a twentieth (Park et al., SpecAugment, 2019).
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
