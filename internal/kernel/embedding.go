package kernel

import "uer/internal/kernel/routine"

// Embedding is the sum of rows of tables: out[i] = Scale*Tables[0][IDs[0][i]] + Σ Tables[t][IDs[t][i]] over the other
// tables.
type Embedding struct {
	Width  int
	Scale  float32
	Tables [][]float32 // each [rows, width]
	IDs    [][]int32   // each [n]
	Out    []float32   // [n, width]
}

// EmbeddingForward computes the output of an Embedding.
func (c *CPU) EmbeddingForward(e *Embedding) {
	n := rowCount("out", e.Out, e.Width)
	for t, table := range e.Tables {
		requireLength("ids", len(e.IDs[t]), n)
		requireBelow("ids", e.IDs[t], rowCount("table", table, e.Width))
	}
	c.overRows(n, e.Width, func(first, last int) {
		for t, table := range e.Tables {
			a := routine.EmbeddingForward{
				Out: e.Out[first*e.Width : last*e.Width], Table: table, Width: e.Width, IDs: e.IDs[t][first:last],
				Scale: 1, Accumulate: t > 0,
			}
			if t == 0 {
				a.Scale = e.Scale
			}
			c.table.EmbeddingForward(a)
		}
	})
}

// EmbeddingGradient is the gradient of one table of an Embedding: DTable[IDs[i]] += Scale*DOut[i], in order of i.
type EmbeddingGradient struct {
	Width  int
	Scale  float32
	IDs    []int32   // [n]
	DOut   []float32 // [n, width]
	DTable Output    // [rows, width]
}

// EmbeddingBackward computes the output of an EmbeddingGradient.
func (c *CPU) EmbeddingBackward(g *EmbeddingGradient) {
	requireLength("dout", len(g.DOut), len(g.IDs)*g.Width)
	requireBelow("ids", g.IDs, rowCount("dtable", g.DTable.To, g.Width))
	if !g.DTable.Accumulate {
		c.Fill(g.DTable.To, 0)
	}
	// Rows of one id must be added in order, so threads share out the columns.
	const strip = 64
	c.parallel(routine.CeilDivide(g.Width, strip), func(tile int) {
		c.table.EmbeddingBackward(routine.EmbeddingBackward{
			DTable: g.DTable.To, Width: g.Width, IDs: g.IDs, DOut: g.DOut, Scale: g.Scale,
			First: tile * strip, Last: min((tile+1)*strip, g.Width),
		})
	})
}
