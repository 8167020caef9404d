package kernel

import "uer/internal/kernel/routine"

// Embedding is the sum of rows of tables: out[i] = Scale*Tables[0][IDs[0][i]] + Σ Tables[t][IDs[t][i]] over the other
// tables.
type Embedding struct {
	Width  int
	Scale  float32
	Tables [][]float32 // each [rows, width]
	IDs    [][]int32   // each [n]
	Out    Array       // [n, width]
}

// EmbeddingForward computes the output of an Embedding.
func (c *CPU) EmbeddingForward(e *Embedding) {
	n := rowCount("out", e.Out.Len(), e.Width)
	for t, table := range e.Tables {
		requireLength("ids", len(e.IDs[t]), n)
		requireBelow("ids", e.IDs[t], rowCount("table", len(table), e.Width))
	}
	c.overStaged(n, e.Width, func(s *stage, first, last int) {
		out := e.Out.Slice(first*e.Width, last*e.Width)
		to := s.place(out)
		for t, table := range e.Tables {
			a := routine.EmbeddingForward{
				Out: to, Table: table, Width: e.Width, IDs: e.IDs[t][first:last],
				Scale: 1, Accumulate: t > 0,
			}
			if t == 0 {
				a.Scale = e.Scale
			}
			s.table.EmbeddingForward(a)
		}
		s.store(out, to)
	})
}

// EmbeddingGradient is the gradient of one table of an Embedding: DTable[IDs[i]] += Scale*DOut[i], in order of i.
type EmbeddingGradient struct {
	Width  int
	Scale  float32
	IDs    []int32 // [n]
	DOut   Array   // [n, width]
	DTable Output  // [rows, width]
}

// EmbeddingBackward computes the output of an EmbeddingGradient.
func (c *CPU) EmbeddingBackward(g *EmbeddingGradient) {
	requireLength("dout", g.DOut.Len(), len(g.IDs)*g.Width)
	requireBelow("ids", g.IDs, rowCount("dtable", g.DTable.To.Len(), g.Width))
	if !g.DTable.Accumulate {
		c.Clear(g.DTable.To)
	}
	// Rows of one id must be added in order, so threads share out the columns.
	const strip = 64
	c.parallelWorker(routine.CeilDivide(g.Width, strip), func(worker, tile int) {
		g.columns(c.stage(worker), tile*strip, min((tile+1)*strip, g.Width))
	})
}

// columns adds the columns first to last-1. Where they are staged, that is for so many rows at a time as stay in the cache.
func (g *EmbeddingGradient) columns(s *stage, first, last int) {
	a := routine.EmbeddingBackward{
		DTable: g.DTable.To.Floats[first:], Width: g.Width, Stride: g.Width, Scale: g.Scale, Columns: last - first,
	}
	rows := len(g.IDs)
	if g.DOut.Halves != nil {
		rows, a.Stride = rowTile(last-first), last-first
	}
	for row := 0; row < len(g.IDs); row += rows {
		a.IDs = g.IDs[row:min(row+rows, len(g.IDs))]
		s.used = 0
		a.DOut = s.readRows(g.DOut.From(row*g.Width+first), len(a.IDs), last-first, g.Width)
		s.table.EmbeddingBackward(a)
	}
}
