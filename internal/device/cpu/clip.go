package cpu

import (
	"math"
	"unsafe"

	"uer/internal/device"
	"uer/internal/graph"
	"uer/internal/kernel"
	"uer/internal/op"
)

func sumSquaresKernel(d *Device, o op.SumSquares) compute {
	return func(_ *device.Run, out, in []operand, _ []bool) {
		x := in[0].Floats
		blocks, length := kernel.SquareBlocks(len(x))
		sums := make([]float64, blocks)
		if o.Shares == nil || d.ranks == nil {
			d.kernel.SumSquares(sums, x, 0)
		} else {
			bounds := device.BlockShares(o.Shares, length)
			d.kernel.SumSquares(sums[bounds[o.Rank]:bounds[o.Rank+1]], x, bounds[o.Rank])
			d.gather(sums, bounds)
		}
		total := 0.0
		for _, s := range sums {
			total += s
		}
		out[0].Doubles[0] = total
	}
}

// gather copies values of all ranks to all: those from bounds[r] to bounds[r+1] from rank r. A failure ends the run.
func (d *Device) gather(values []float64, bounds []int) {
	halves := make([]int, len(bounds)) // ranks exchange values of four bytes
	for i, bound := range bounds {
		halves[i] = 2 * bound
	}
	floats := unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(values))), 2*len(values))
	d.failure = d.ranks.AllGather(floats, halves)
}

func clipKernel(_ *Device, o op.Clip) compute {
	return func(run *device.Run, out, in []operand, _ []bool) {
		factor := run.Update.Scale
		norm := math.Abs(factor) * math.Sqrt(in[0].Doubles[0])
		if o.Limit > 0 && norm > o.Limit {
			factor *= o.Limit / norm
		}
		out[0].Doubles[0], out[1].Doubles[0] = norm, factor
	}
}

func guardKernel(_ *Device, _ graph.Guard) compute {
	return func(_ *device.Run, out, in []operand, _ []bool) {
		var x float64
		if in[0].Doubles != nil {
			x = in[0].Doubles[0]
		} else {
			x = float64(in[0].Floats[0])
		}
		if math.IsNaN(x) || math.IsInf(x, 0) {
			out[0].Floats[0] = 1
		}
	}
}
