package cpu

import (
	"uer/internal/graph"
	"uer/internal/op"
)

func columnsKernel(c *CPU, o op.Columns) compute {
	return func(_ *Run, out, in []graph.Buffer, accumulate []bool) {
		c.kernel.CopyColumns(out[0].Floats, o.Count, 0, in[0].Floats, in[0].Shape[1], o.From, o.Count, accumulate[0])
	}
}

func widenKernel(c *CPU, o op.Widen) compute {
	return func(_ *Run, out, in []graph.Buffer, accumulate []bool) {
		if !accumulate[0] {
			c.kernel.Fill(out[0].Floats, 0)
		}
		count := in[0].Shape[1]
		c.kernel.CopyColumns(out[0].Floats, o.Width, o.From, in[0].Floats, count, 0, count, accumulate[0])
	}
}

func poolKernel(c *CPU, o op.Pool) compute {
	return func(_ *Run, out, in []graph.Buffer, _ []bool) {
		c.kernel.PoolForward(poolings[o.Kind], out[0].Floats, in[0].Floats, out[0].Shape[1], in[1].Integers)
	}
}

func poolGradientKernel(c *CPU, o op.PoolGradient) compute {
	return func(_ *Run, out, in []graph.Buffer, accumulate []bool) {
		c.kernel.PoolBackward(poolings[o.Kind], out[0].Floats, in[0].Floats, in[1].Floats, in[2].Floats, out[0].Shape[1],
			in[3].Integers, accumulate[0])
	}
}
