package kernel

import "math"

// StableAdamW is one update of the optimizer of that name, with the decay rates of the update; the formula is op's.
type StableAdamW struct {
	Rate, Beta1, Beta2, Epsilon, WeightDecay float64
	GradientScale                            float64 // for clipping and averaging; 1 for neither
}

// stableBlock is the number of elements whose ratios are summed one after the other.
const stableBlock = 1 << 13

// StableAdamWScratch is the length of the scratch memory of StableAdamW.
func StableAdamWScratch(n int) int { return (n + stableBlock - 1) / stableBlock }

// StableAdamW updates the parameters of one tensor and their moments in place. All have the same length; scratch has that of
// StableAdamWScratch.
func (c *CPU) StableAdamW(a StableAdamW, parameters, gradients, first, second []float32, scratch []float64) {
	n := len(parameters)
	requireLength("gradients", len(gradients), n)
	requireLength("first", len(first), n)
	requireLength("second", len(second), n)
	blocks := StableAdamWScratch(n)
	c.parallel(blocks, func(block int) {
		i, j := block*stableBlock, min((block+1)*stableBlock, n)
		scratch[block] = a.moments(gradients[i:j], first[i:j], second[i:j])
	})
	ratios := 0.0
	for _, sum := range scratch[:blocks] {
		ratios += sum
	}
	rate := a.Rate / max(1, math.Sqrt(ratios/float64(max(n, 1))))
	c.parallel(blocks, func(block int) {
		for i := block * stableBlock; i < min((block+1)*stableBlock, n); i++ {
			p := float64(parameters[i])
			step := float64(first[i]) / (math.Sqrt(float64(second[i])) + a.Epsilon)
			parameters[i] = float32(p - rate*a.WeightDecay*p - rate*step)
		}
	})
}

// moments updates the moments of a block and returns the sum of g²/max(v, ε²).
func (a *StableAdamW) moments(gradients, first, second []float32) float64 {
	sum := 0.0
	for i, gradient := range gradients {
		g := a.GradientScale * float64(gradient)
		v := a.Beta2*float64(second[i]) + (1-a.Beta2)*g*g
		first[i] = float32(a.Beta1*float64(first[i]) + (1-a.Beta1)*g)
		second[i] = float32(v)
		sum += g * g / max(v, a.Epsilon*a.Epsilon)
	}
	return sum
}
