package kernel

import "uer/internal/kernel/routine"

// EmbeddingForward writes out[i] = scale*tables[0][ids[0][i]] + Σ tables[t][ids[t][i]] over the other tables.
// out is [n, width], a table [rows, width], each list of ids [n].
func (c *CPU) EmbeddingForward(out []float32, width int, scale float32, tables [][]float32, ids [][]int32) {
	n := rowCount("out", out, width)
	for t, table := range tables {
		requireLength("ids", len(ids[t]), n)
		requireBelow("ids", ids[t], rowCount("table", table, width))
	}
	c.overRows(n, width, func(first, last int) {
		factor := scale
		for t, table := range tables {
			c.table.EmbeddingForward(routine.EmbeddingForward{
				Out: out[first*width : last*width], Table: table, Width: width, IDs: ids[t][first:last],
				Scale: factor, Accumulate: t > 0,
			})
			factor = 1
		}
	})
}

// EmbeddingBackward writes the gradient of one table: dtable[ids[i]] += scale*dout[i], in order of i, on zeros or, if
// accumulate, on what is there. dtable is [rows, width], ids [n], dout [n, width].
func (c *CPU) EmbeddingBackward(dtable []float32, width int, ids []int32, dout []float32, scale float32, accumulate bool) {
	requireLength("dout", len(dout), len(ids)*width)
	requireBelow("ids", ids, rowCount("dtable", dtable, width))
	if !accumulate {
		c.Fill(dtable, 0)
	}
	// Rows of one id must be added in order, so workers share out the columns.
	const strip = 64
	c.parallel(routine.CeilDivide(width, strip), func(tile int) {
		c.table.EmbeddingBackward(routine.EmbeddingBackward{
			DTable: dtable, Width: width, IDs: ids, DOut: dout, Scale: scale, First: tile * strip, Last: min((tile+1)*strip, width),
		})
	})
}
