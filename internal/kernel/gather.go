package kernel

import "sort"

// GatherRows writes out[i] = x[index[i]]. out is [n, width], x [rows, width], stored the same way, index [n].
func (c *CPU) GatherRows(out, x Array, width int, index []int32) {
	requireLength("out", out.Len(), len(index)*width)
	requireBelow("index", index, rowCount("x", x.Len(), width))
	c.overRows(len(index), width, func(first, last int) {
		for i := first; i < last; i++ {
			row := int(index[i]) * width
			copyArray(out.Slice(i*width, (i+1)*width), x.Slice(row, row+width))
		}
	})
}

// ScatterAddRows is the gradient of GatherRows for a strictly increasing index: dx[index[i]] += dout[i], on top of zeros
// or, if accumulate, of what is there. dx is [rows, width], index [n], dout [n, width], stored as dx is.
func (c *CPU) ScatterAddRows(dx, dout Array, width int, index []int32, accumulate bool) {
	requireLength("dout", dout.Len(), len(index)*width)
	rows := rowCount("dx", dx.Len(), width)
	requireBelow("index", index, rows)
	requireIncreasing(index)
	c.overStaged(rows, width, func(s *stage, first, last int) {
		i := sort.Search(len(index), func(i int) bool { return int(index[i]) >= first })
		for r := first; r < last; r++ {
			row := dx.Slice(r*width, (r+1)*width)
			present := i < len(index) && int(index[i]) == r
			switch {
			case present:
				s.put(Output{To: row, Accumulate: accumulate}, dout.Slice(i*width, (i+1)*width))
			case !accumulate:
				clearArray(row)
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
