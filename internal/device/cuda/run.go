package cuda

import (
	"errors"
	"time"

	driver "uer/internal/cuda"
	"uer/internal/device"
	"uer/internal/graph"
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
	began    time.Time      // when the host turned to the run
	flops    int64          // of its matrix products
	err      error
}

// begin turns to a step.
func (r *run) begin(s *step) {
	r.used = 0
	if r.device.pending.prepare(s.in, s.out) {
		r.finishSums()
	}
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

// activations is scratch memory for n elements as activations are stored.
func (r *run) activations(n int) driver.Pointer { return r.scratch(r.device.activations.Bytes() * n) }

// bytes is the size of n elements as activations are stored.
func (r *run) bytes(n int) driver.Pointer { return driver.Pointer(r.device.activations.Bytes() * n) }

// group is how many neighbouring elements a thread has of activations: those of 16 bytes.
func (r *run) group() int { return 16 / r.device.activations.Bytes() }

// spans is a grid of threads that take a group each of n activations.
func (r *run) spans(n int) driver.Dim { return over(n, 256*r.group()) }

// cells is a grid of threads that take a group each of a row of activations.
func (r *run) cells(rows, width int) driver.Dim { return over(rows*over(width, r.group())[0], 256) }

// strips is a grid of blocks that take a group of columns for each of 32 lanes, in so many blocks of rows.
func (r *run) strips(width, blocks int) driver.Dim {
	return driver.Dim{over(width, 32*r.group())[0], blocks, 1}
}

// launch begins a kernel.
func (r *run) launch(f *function, grid driver.Dim, arguments ...driver.Argument) {
	if r.err == nil && !r.planning {
		r.err = f.Launch(r.device.gpu.Compute, grid, f.block, f.shared, arguments...)
	}
}

// launchTogether begins a kernel whose blocks wait for each other.
func (r *run) launchTogether(f *function, grid driver.Dim, arguments ...driver.Argument) {
	if r.err == nil && !r.planning {
		r.err = f.LaunchTogether(r.device.gpu.Compute, grid, f.block, 0, arguments...)
	}
}

// weight is where products read a parameter: in the format of their other factor.
func (r *run) weight(parameter operand) driver.Pointer {
	if parameter.At == 0 || r.device.activations == graph.Float32 {
		return parameter.At
	}
	if from := r.memory.parameters; r.err == nil && (parameter.At < from.At || parameter.At >= from.At+driver.Pointer(from.Bytes)) {
		r.err = errors.New("a weight is no parameter, so that it has no copy in bfloat16")
	}
	return r.memory.half(parameter.At)
}

// half is the copy of a parameter for products, which updates write, too; null if there are no copies.
func (r *run) half(parameter operand) driver.Argument {
	if r.device.activations == graph.Float32 {
		return pointer(0)
	}
	return pointer(r.memory.half(parameter.At))
}

// destination is how the result of a product is stored. Its factors are stored as activations are, but for allFloat.
type destination int

const (
	toActivations destination = iota // as activations are, which it is, or a gradient of them
	toFloat                          // in float32: gradients of parameters, and what is not rounded yet
	allFloat                         // in float32, as the factors are: what an optimizer computes
)

// multiply begins a matrix product.
func (r *run) multiply(to destination, p driver.Product) {
	if r.err != nil || r.planning {
		return
	}
	if r.device.activations == graph.BFloat16 && to != allFloat {
		p.Factors = driver.BF16
		if to == toActivations {
			p.Result = driver.BF16
		}
	}
	if r.device.products != nil {
		p.TF32 = r.device.tf32
		r.err = r.device.products.Multiply(p)
		return
	}
	kernel := r.device.product[to]
	stride := func(m driver.Matrix, rows, columns int) driver.Argument {
		switch {
		case m.Stride > 0:
			return count(m.Stride)
		case m.Transposed:
			return count(rows)
		}
		return count(columns)
	}
	next := func(m driver.Matrix, f driver.Format, i int) driver.Argument {
		return pointer(m.At + driver.Pointer(i*m.Next*map[driver.Format]int{driver.F32: 4, driver.BF16: 2}[f]))
	}
	for i := range max(p.Batch, 1) {
		r.launch(kernel, driver.Dim{(p.N + 63) / 64, (p.M + 63) / 64, 1},
			next(p.D, p.Result, i), next(p.A, p.Factors, i), next(p.B, p.Factors, i), pointer(p.Bias), count(p.M), count(p.N), count(p.K),
			stride(p.D, p.M, p.N), stride(p.A, p.M, p.K), stride(p.B, p.K, p.N), flag(p.A.Transposed), flag(p.B.Transposed),
			flag(p.Beta == 1))
	}
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
