//go:build gpu

package cuda

/*
#include "blas.h"
*/
import "C"

import (
	"cmp"
	"errors"
	"fmt"
	"unsafe"
)

// workspaceBytes is scratch memory of matrix products.
const workspaceBytes = 64 << 20

// Products computes matrix products in one stream by cuBLASLt.
//
// An algorithm is chosen once for a class of products and then kept, so products of one shape give the same bits
// throughout a run, and in later ones with the same [Choices]. Choosing takes milliseconds, and the number of tokens differs
// from batch to batch: classes have it rounded up, to a multiple of 128 or by an eighth at most.
type Products struct {
	stream    *Stream
	blas      *blas
	handle    unsafe.Pointer
	workspace *Buffer
	choices   *Choices // nil if algorithms are not measured
	plans     map[C.struct_class]*C.struct_plan
}

// NewProducts opens cuBLASLt, and allocates 64 MiB. With choices, algorithms that these do not have are measured, or else the
// first one is taken that the library proposes.
func (d *Device) NewProducts(s *Stream, choices *Choices) (*Products, error) {
	library, err := openBLAS(d.Driver)
	if err != nil {
		return nil, err
	}
	p := &Products{stream: s, blas: library, choices: choices, plans: map[C.struct_class]*C.struct_plan{}}
	if p.workspace, err = d.Allocate(workspaceBytes); err != nil {
		return nil, err
	}
	if err := d.enter(); err != nil {
		return nil, err
	}
	defer d.leave()
	var status C.int
	if p.handle, status = library.handle(); status != 0 {
		p.workspace.Close()
		return nil, &Unavailable{
			Reason: fmt.Sprintf("cuBLASLt %s (%s) does not start on %s: %s", library.Version, library.Path, d,
				library.statusName(status)),
			Hint: fmt.Sprintf("set UER_CUDA_LIB to the folder of one that suits the driver (%s)", d.Driver),
		}
	}
	return p, nil
}

// WorkspaceBytes is the memory of the GPU that products take besides their operands.
func (p *Products) WorkspaceBytes() int64 { return p.workspace.Bytes }

// Close frees what products use.
func (p *Products) Close() error {
	if p.handle == nil {
		return nil
	}
	err := p.stream.Synchronize() // the workspace may be in use
	if e := p.stream.device.enter(); e != nil {
		return e
	}
	defer p.stream.device.leave()
	for _, plan := range p.plans {
		C.plan_free(&p.blas.functions, plan)
	}
	C.blas_destroy(&p.blas.functions, p.handle)
	p.handle, p.plans = nil, nil
	return errors.Join(err, p.workspace.Close())
}

// Multiply begins a product. It makes no garbage once the class of the product is known.
func (p *Products) Multiply(product Product) error {
	if err := product.complete(); err != nil {
		return err
	}
	if product.M == 0 || product.N == 0 {
		return nil
	}
	if product.K == 0 {
		return p.empty(&product)
	}
	if err := p.stream.device.enter(); err != nil {
		return err
	}
	defer p.stream.device.leave()
	class := classOf(&product)
	status, err := p.begin(class, &product)
	if status == statusNotSupported || status == statusInvalidValue { // an algorithm for more tokens may not take fewer
		class.n, class.k = C.int64_t(product.M), C.int64_t(product.K)
		status, err = p.begin(class, &product)
	}
	if status != 0 {
		return p.failure(status, "multiplying", &product)
	}
	return err
}

const (
	statusInvalidValue = 7
	statusNotSupported = 15
)

// begin begins a product as one of a class.
func (p *Products) begin(class C.struct_class, product *Product) (status C.int, err error) {
	plan, err := p.plan(class, product)
	if err != nil {
		return 0, err
	}
	return p.run(plan, product), nil
}

// run begins a product by a plan.
func (p *Products) run(plan *C.struct_plan, product *Product) C.int {
	operands := C.struct_operands{ // row-major matrices are the transposes of column-major ones: Dᵀ = Bᵀ·Aᵀ
		m: C.int64_t(product.N), n: C.int64_t(product.M), k: C.int64_t(product.K),
		a: C.uint64_t(product.B.At), b: C.uint64_t(product.A.At),
		c: C.uint64_t(product.C.At), d: C.uint64_t(product.D.At),
		bias: C.uint64_t(product.Bias), beta: C.float(product.Beta),
	}
	stream := *(*unsafe.Pointer)(unsafe.Pointer(&p.stream.handle)) // cu.Stream is that handle
	return C.plan_run(&p.blas.functions, p.handle, plan, operands, C.uint64_t(p.workspace.At), workspaceBytes, stream)
}

// complete sets the strides that were left out, and checks the rest.
func (p *Product) complete() error {
	if p.C == (Matrix{}) {
		p.C = p.D
	}
	a, b := p.A.stride(p.M, p.K), p.B.stride(p.K, p.N)
	p.A.Stride, p.B.Stride = cmp.Or(p.A.Stride, a), cmp.Or(p.B.Stride, b)
	p.C.Stride, p.D.Stride = cmp.Or(p.C.Stride, p.N), cmp.Or(p.D.Stride, p.N)
	p.Batch = cmp.Or(p.Batch, 1)
	switch {
	case p.M < 0 || p.N < 0 || p.K < 0:
		return p.invalid("a size is negative")
	case p.A.Stride < a || p.B.Stride < b || p.C.Stride < p.N || p.D.Stride < p.N:
		return p.invalid("a stride is less than a row")
	case p.C.Transposed || p.D.Transposed:
		return p.invalid("the result is transposed")
	case p.Batch > 1 && p.Bias != 0:
		return p.invalid("a batch has no bias")
	}
	return nil
}

// stride is that of a matrix of so many rows and columns whose rows, as they are stored, are adjacent.
func (m Matrix) stride(rows, columns int) int {
	if m.Transposed {
		return rows
	}
	return columns
}

func (p *Product) invalid(why string) error {
	return fmt.Errorf("product [%d, %d]·[%d, %d]: %s", p.M, p.K, p.K, p.N, why)
}

// empty computes a product that sums nothing, such as the gradient of a weight that no token used.
func (p *Products) empty(product *Product) error {
	switch {
	case product.Bias != 0 || product.D.Stride != product.N:
		return product.invalid("only rows that are adjacent and without bias can be cleared")
	case product.Beta == 0:
		for i := range product.Batch {
			at := product.D.At + Pointer(int64(i)*int64(product.D.Next)*product.Result.bytes())
			if err := p.stream.Fill8(at, 0, int64(product.M)*int64(product.N)*product.Result.bytes()); err != nil {
				return err
			}
		}
		return nil
	case product.Beta == 1 && product.C == product.D:
		return nil
	default:
		return product.invalid("Beta is neither 0 nor 1")
	}
}

// The numbers that cuBLASLt has for formats and for how it multiplies.
var dataTypes = [...]C.int32_t{F32: 0, BF16: 14}

const (
	computeFloat32 = 68
	computeTF32    = 77
)

// classOf is the class of a product. Row-major matrices are the transposes of column-major ones, so cuBLASLt computes
// Dᵀ = Bᵀ·Aᵀ.
func classOf(p *Product) C.struct_class {
	// A size that counts rows in both the matrices that have it, as they are stored, may be a number of tokens.
	roundUp := func(n int, countsRows bool) C.int64_t {
		if countsRows {
			step := 128
			for n > 16*step {
				step *= 2
			}
			n = (n + step - 1) / step * step
		}
		return C.int64_t(n)
	}
	class := C.struct_class{
		m: C.int64_t(p.N), n: roundUp(p.M, !p.A.Transposed), k: roundUp(p.K, p.A.Transposed && !p.B.Transposed),
		stride_a: C.int64_t(p.B.Stride), stride_b: C.int64_t(p.A.Stride),
		stride_c: C.int64_t(p.C.Stride), stride_d: C.int64_t(p.D.Stride),
		type_ab: dataTypes[p.Factors], type_cd: dataTypes[p.Result], compute: computeFloat32,
		batch: C.int32_t(p.Batch), next_a: C.int64_t(p.B.Next), next_b: C.int64_t(p.A.Next),
		next_c: C.int64_t(p.C.Next), next_d: C.int64_t(p.D.Next),
	}
	class.align_a, class.align_b = alignmentOf(&p.B, p.Factors), alignmentOf(&p.A, p.Factors)
	class.align_c, class.align_d = alignmentOf(&p.C, p.Result), alignmentOf(&p.D, p.Result)
	if p.B.Transposed {
		class.transpose_a = 1
	}
	if p.A.Transposed {
		class.transpose_b = 1
	}
	if p.TF32 && p.Factors == F32 {
		class.compute = computeTF32
	}
	if p.Bias != 0 {
		class.bias, class.align_bias = 1, alignment(p.Bias)
	}
	return class
}

// alignmentOf is that of all matrices of a batch.
func alignmentOf(m *Matrix, format Format) C.uint32_t {
	return alignment(m.At | Pointer(m.Next)*Pointer(format.bytes()))
}

// alignment is a power of two that divides an address. Few of them keep classes few; no access is wider than 16 bytes.
func alignment(at Pointer) C.uint32_t {
	switch lowest := at & -at; {
	case at%256 == 0:
		return 256
	case lowest > 16:
		return 16
	default:
		return C.uint32_t(lowest)
	}
}

func (p *Products) plan(class C.struct_class, product *Product) (*C.struct_plan, error) {
	if plan, ok := p.plans[class]; ok {
		return plan, nil
	}
	plan := new(C.struct_plan)
	var err error
	if status := C.plan_make(&p.blas.functions, class, plan); status != 0 {
		err = p.failure(status, "describing", product)
	} else {
		err = p.choose(plan, product)
	}
	if err != nil {
		C.plan_free(&p.blas.functions, plan)
		return nil, err
	}
	p.plans[class] = plan
	return plan, nil
}

// failure tells what cuBLASLt refused, and whether the GPU is lost.
func (p *Products) failure(status C.int, doing string, product *Product) error {
	err := fmt.Errorf("%s [%d, %d]·[%d, %d] on %s: %s", doing, product.M, product.K, product.K, product.N,
		p.stream.device, p.blas.statusName(status))
	if e := p.stream.handle.Query(); e != nil && lost[codeOf(e)] {
		return fmt.Errorf("%w: %w", err, failure(e, fmt.Sprintf("asking %s", p.stream)))
	}
	return err
}
