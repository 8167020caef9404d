package cpu

import (
	"uer/internal/graph"
	"uer/internal/kernel"
	"uer/internal/op"
)

func copyKernel(c *CPU, _ graph.Copy) compute {
	return func(_ *Run, out, in []graph.Buffer, accumulate []bool) {
		c.kernel.Scale(out[0].Floats, in[0].Floats, 1, accumulate[0])
	}
}

func scaleKernel(c *CPU, _ op.Scale) compute {
	return func(_ *Run, out, in []graph.Buffer, accumulate []bool) {
		c.kernel.Scale(out[0].Floats, in[0].Floats, in[1].Floats[0], accumulate[0])
	}
}

func totalKernel(_ *CPU, _ op.Total) compute {
	return func(_ *Run, out, in []graph.Buffer, _ []bool) {
		out[0].Floats[0] = in[0].Floats[0] + in[1].Floats[0]
	}
}

func embeddingKernel(c *CPU, o op.Embedding) compute {
	tables, ids := make([][]float32, o.Tables), make([][]int32, o.Tables)
	return func(_ *Run, out, in []graph.Buffer, _ []bool) {
		for i := range o.Tables {
			tables[i], ids[i] = in[i].Floats, in[o.Tables+i].Integers
		}
		c.kernel.EmbeddingForward(out[0].Floats, out[0].Shape[1], o.Scale, tables, ids)
	}
}

func embeddingGradientKernel(c *CPU, o op.EmbeddingGradient) compute {
	return func(_ *Run, out, in []graph.Buffer, accumulate []bool) {
		c.kernel.EmbeddingBackward(out[0].Floats, out[0].Shape[1], in[1].Integers, in[0].Floats, o.Scale, accumulate[0])
	}
}

func gatedKernel(c *CPU, o op.Gated) compute {
	return func(_ *Run, out, in []graph.Buffer, _ []bool) {
		c.kernel.GatedForward(activations[o.Activation], out[0].Floats, in[0].Floats, in[1].Floats)
	}
}

func gatedGradientKernel(c *CPU, o op.GatedGradient) compute {
	return func(_ *Run, out, in []graph.Buffer, _ []bool) {
		c.kernel.GatedBackward(activations[o.Activation], out[0].Floats, out[1].Floats, in[2].Floats, in[0].Floats, in[1].Floats)
	}
}

func gatherKernel(c *CPU, _ op.Gather) compute {
	return func(_ *Run, out, in []graph.Buffer, _ []bool) {
		c.kernel.GatherRows(out[0].Floats, in[0].Floats, out[0].Shape[1], in[1].Integers)
	}
}

func scatterKernel(c *CPU, _ op.Scatter) compute {
	return func(_ *Run, out, in []graph.Buffer, accumulate []bool) {
		c.kernel.ScatterAddRows(out[0].Floats, in[0].Floats, out[0].Shape[1], in[1].Integers, accumulate[0])
	}
}

func dropoutKernel(c *CPU, o op.Dropout) compute {
	return func(run *Run, out, in []graph.Buffer, accumulate []bool) {
		c.kernel.DropoutForward(out[0].Floats, in[0].Floats, out[0].Shape[1], in[1].Integers,
			dropout(run, o.Probability, o.Site), accumulate[0])
	}
}

func dropoutAddKernel(c *CPU, o op.DropoutAdd) compute {
	return func(run *Run, out, in []graph.Buffer, _ []bool) {
		c.kernel.DropoutAdd(out[0].Floats, in[0].Floats, in[1].Floats, out[0].Shape[1], in[2].Integers,
			dropout(run, o.Probability, o.Site))
	}
}

// dropout is the dropout of one place at one step.
func dropout(run *Run, probability float32, site int) kernel.Dropout {
	if probability == 0 {
		return kernel.Dropout{}
	}
	return kernel.Dropout{Probability: probability, Key: kernel.DropoutKey(run.Seed, run.Step, site)}
}

func crossEntropyKernel(c *CPU, o op.CrossEntropy) compute {
	var p kernel.CrossEntropy
	return func(_ *Run, out, in []graph.Buffer, accumulate []bool) {
		p = kernel.CrossEntropy{
			Rows: in[0].Shape[0], Width: in[0].Shape[1], Classes: in[1].Shape[0],
			Hidden: in[0].Floats, Weight: in[1].Floats, Labels: in[len(in)-1].Integers,
			DHidden: out[2].Floats, DWeight: out[3].Floats,
			Accumulate: [3]bool{accumulate[2], accumulate[3]}, Precision: c.Precision,
		}
		if o.Bias {
			p.Bias, p.DBias, p.Accumulate[2] = in[2].Floats, out[4].Floats, accumulate[4]
		}
		p.Scratch = c.floats(kernel.CrossEntropyScratch(p.Rows, p.Width, p.Classes))
		loss, correct := c.kernel.CrossEntropy(&p)
		if out[0].Wanted() {
			out[0].Floats[0] = loss
		}
		if out[1].Wanted() {
			out[1].Floats[0] = float32(correct)
		}
	}
}
