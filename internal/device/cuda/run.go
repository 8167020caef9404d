package cuda

import (
	driver "uer/internal/cuda"
	"uer/internal/device"
)

// run is what bindings begin their work through. It keeps the first error, after which it begins nothing more.
type run struct {
	device.Run
	device   *Device
	memory   *memory
	slot     *slot
	derived  driver.Pointer // what the present step derived from inputs
	planning bool           // nothing is launched: the shapes are the largest ones, and the host has no inputs
	used     int64          // bytes of scratch memory of the present step
	largest  int64          // of any step
	err      error
}

// begin turns to a step.
func (r *run) begin(s *step) {
	r.used = 0
	if s.derive != nil && !r.planning {
		r.derived = r.slot.at(s.derived)
	}
}

// scratch is memory for the present step.
func (r *run) scratch(bytes int) driver.Pointer {
	at := r.device.scratch.At + driver.Pointer(r.used)
	r.used += (int64(bytes) + alignment - 1) / alignment * alignment
	r.largest = max(r.largest, r.used)
	return at
}

// floats is scratch memory for n floats.
func (r *run) floats(n int) driver.Pointer { return r.scratch(4 * n) }

// launch begins a kernel.
func (r *run) launch(f *function, grid driver.Dim, arguments ...driver.Argument) {
	if r.err == nil && !r.planning {
		r.err = f.Launch(r.device.gpu.Compute, grid, f.block, 0, arguments...)
	}
}

// multiply begins a matrix product.
func (r *run) multiply(p driver.Product) {
	if r.err != nil || r.planning {
		return
	}
	if r.device.products != nil {
		r.err = r.device.products.Multiply(p)
		return
	}
	stride := func(m driver.Matrix, rows, columns int) driver.Argument {
		switch {
		case m.Stride > 0:
			return count(m.Stride)
		case m.Transposed:
			return count(rows)
		}
		return count(columns)
	}
	r.launch(r.device.product, driver.Dim{(p.N + 63) / 64, (p.M + 63) / 64, 1},
		pointer(p.D.At), pointer(p.A.At), pointer(p.B.At), pointer(p.Bias), count(p.M), count(p.N), count(p.K),
		stride(p.D, p.M, p.N), stride(p.A, p.M, p.K), stride(p.B, p.K, p.N), flag(p.A.Transposed), flag(p.B.Transposed),
		flag(p.Beta == 1))
}

// gather begins to copy values of float64 of all ranks to all: those from bounds[r] to bounds[r+1] from rank r.
func (r *run) gather(values driver.Pointer, bounds []int) {
	if r.err != nil || r.planning {
		return
	}
	halves := make([]int, len(bounds)) // ranks exchange values of four bytes
	for i, bound := range bounds {
		halves[i] = 2 * bound
	}
	r.memory.sums.begin(r.device, func(g *driver.Group) error { return g.Gather(values, halves) })
	r.err = r.memory.sums.join(r.device)
}

// zero begins to clear n floats.
func (r *run) zero(at driver.Pointer, n int) {
	if r.err == nil && !r.planning {
		r.err = r.device.gpu.Compute.Fill32(at, 0, int64(n))
	}
}
