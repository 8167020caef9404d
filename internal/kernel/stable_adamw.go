package kernel

import (
	"math"

	"uer/internal/kernel/routine"
)

// stableBlock is the number of elements whose ratios are summed one after the other.
const stableBlock = 1 << 13

// StableAdamWScratch is the length of the scratch memory of StableAdamW.
func StableAdamWScratch(n int) int { return (n + stableBlock - 1) / stableBlock }

// StableAdamW updates the parameters of one tensor and their moments in place, with the decay rates of the update; the
// formula is op's. All have the same length; scratch has that of StableAdamWScratch.
func (c *CPU) StableAdamW(a AdamW, parameters, gradients, first, second []float32, scratch []float64) {
	n := len(parameters)
	requireLength("gradients", len(gradients), n)
	requireLength("first", len(first), n)
	requireLength("second", len(second), n)
	blocks := StableAdamWScratch(n)
	block := func(number int) routine.AdamWUpdate {
		i, j := number*stableBlock, min((number+1)*stableBlock, n)
		return routine.AdamWUpdate{
			AdamW: a, Parameters: parameters[i:j], Gradients: gradients[i:j], First: first[i:j], Second: second[i:j],
		}
	}
	c.parallel(blocks, func(i int) { scratch[i] = c.table.StableMoments(block(i)) })
	ratios := 0.0
	for _, sum := range scratch[:blocks] {
		ratios += sum
	}
	a.Rate /= max(1, math.Sqrt(ratios/float64(max(n, 1))))
	c.parallel(blocks, func(i int) { c.table.StableStep(block(i)) })
}
