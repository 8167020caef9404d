package kernel

import (
	"sort"

	"uer/internal/kernel/routine"
)

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

// ScatterAddRows is the gradient of GatherRows for a strictly increasing index: dx[index[i]] += dout[i], on top of zeros
// or, if accumulate, of what is there. dx is [rows, width], index [n], dout [n, width].
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
				c.table.Add(routine.Add{Out: row, A: row, B: dout[i*width : (i+1)*width]})
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
