package kernel

import "uer/internal/kernel/routine"

// AdamW is one update of the optimizer of that name.
type AdamW = routine.AdamW

// AdamW updates parameters and their moments in place. All have the same length.
func (c *CPU) AdamW(a AdamW, parameters, gradients, first, second []float32) {
	requireLength("gradients", len(gradients), len(parameters))
	requireLength("first", len(first), len(parameters))
	requireLength("second", len(second), len(parameters))
	c.overElements(len(parameters), func(i, j int) {
		c.table.AdamW(routine.AdamWUpdate{
			AdamW: a, Parameters: parameters[i:j], Gradients: gradients[i:j], First: first[i:j], Second: second[i:j],
		})
	})
}
