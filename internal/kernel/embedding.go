package kernel

import "sort"

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
			c.rows.gather(out[first*width:last*width], table, width, ids[t][first:last], factor, t > 0)
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
	c.parallel((width+strip-1)/strip, func(tile int) {
		c.rows.scatter(dtable, width, ids, dout, scale, tile*strip, min((tile+1)*strip, width))
	})
}

// GatherRows writes out[i] = x[index[i]]. out is [n, width], x [rows, width], index [n].
func (c *CPU) GatherRows(out, x []float32, width int, index []int32) {
	requireLength("out", len(out), len(index)*width)
	requireBelow("index", index, rowCount("x", x, width))
	c.overRows(len(index), width, func(first, last int) {
		for i := first; i < last; i++ {
			copy(out[i*width:(i+1)*width], x[int(index[i])*width:])
		}
	})
}

// ScatterAddRows is the gradient of GatherRows for a strictly increasing index: dx[index[i]] += dout[i], on zeros or,
// if accumulate, on what is there. dx is [rows, width], index [n], dout [n, width].
func (c *CPU) ScatterAddRows(dx, dout []float32, width int, index []int32, accumulate bool) {
	requireLength("dout", len(dout), len(index)*width)
	rows := rowCount("dx", dx, width)
	requireBelow("index", index, rows)
	requireIncreasing(index)
	c.overRows(rows, width, func(first, last int) {
		i := sort.Search(len(index), func(i int) bool { return int(index[i]) >= first })
		for r := first; r < last; r++ {
			row := dx[r*width : (r+1)*width]
			present := i < len(index) && int(index[i]) == r
			switch {
			case present && accumulate:
				c.rows.add(row, row, dout[i*width:(i+1)*width])
			case present:
				copy(row, dout[i*width:])
			case !accumulate:
				clear(row)
			}
			if present {
				i++
			}
		}
	})
}

// requireIncreasing panics if the index of ScatterAddRows is not strictly increasing.
func requireIncreasing(index []int32) {
	for i := 1; i < len(index); i++ {
		if index[i-1] >= index[i] {
			panic("kernel: index is not strictly increasing")
		}
	}
}
