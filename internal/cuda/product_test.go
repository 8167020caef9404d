//go:build gpu

package cuda

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func products(t testing.TB, d *Device) *Products {
	t.Helper()
	p, err := d.NewProducts(d.Compute, nil)
	if unavailable := (*Unavailable)(nil); errors.As(err, &unavailable) {
		t.Skip(err)
	}
	check(t, err)
	t.Cleanup(func() { check(t, p.Close()) })
	return p
}

// operand is a matrix on the host, with gaps between its rows, and on the GPU.
type operand struct {
	values []float32 // [rows, columns], rounded to the format
	Matrix
	format        Format
	rows, columns int // as it is stored
}

const gap = 3 // elements between rows

func newOperand(t testing.TB, d *Device, rows, columns int, transposed bool, format Format, random *rand.Rand) *operand {
	t.Helper()
	o := &operand{format: format, rows: rows, columns: columns}
	if transposed {
		o.rows, o.columns = columns, rows
	}
	o.Stride, o.Transposed = o.columns+gap, transposed
	o.values = make([]float32, o.rows*o.Stride)
	for i := range o.values {
		o.values[i] = round(float32(random.NormFloat64()), format)
	}
	buffer, err := d.Allocate(int64(len(o.values)) * 4)
	check(t, err)
	t.Cleanup(func() { check(t, buffer.Close()) })
	o.At = buffer.At
	if format == F32 {
		check(t, Upload(d.Compute, o.At, o.values))
	} else {
		half := make([]uint16, len(o.values))
		for i, v := range o.values {
			half[i] = uint16(math.Float32bits(v) >> 16)
		}
		check(t, Upload(d.Compute, o.At, half))
	}
	return o
}

// at is an element of the matrix that the operand stands for.
func (o *operand) at(row, column int) float64 {
	if o.Transposed {
		row, column = column, row
	}
	return float64(o.values[row*o.Stride+column])
}

// read is what the GPU has.
func (o *operand) read(t testing.TB, d *Device) []float32 {
	t.Helper()
	got := make([]float32, len(o.values))
	if o.format == F32 {
		check(t, Download(d.Compute, got, o.At))
		return got
	}
	half := make([]uint16, len(got))
	check(t, Download(d.Compute, half, o.At))
	for i, h := range half {
		got[i] = math.Float32frombits(uint32(h) << 16)
	}
	return got
}

func round(x float32, format Format) float32 {
	if format == F32 {
		return x
	}
	u := math.Float32bits(x)
	return math.Float32frombits((u + 0x7fff + u>>16&1) &^ 0xffff)
}

func TestProducts(t *testing.T) {
	d := open(t)
	p := products(t, d)
	for _, c := range []struct {
		name            string
		m, n, k         int
		ta, tb          bool
		factors, result Format
		beta            float32
		bias, apart     bool // apart: C is not D
		tf32            bool
		limit           float64
	}{
		{name: "forward", m: 37, n: 24, k: 40, tb: true, bias: true, limit: 1e-6},
		{name: "input gradient", m: 37, n: 40, k: 24, beta: 1, limit: 1e-6},
		{name: "weight gradient", m: 24, n: 40, k: 37, ta: true, beta: 1, limit: 1e-6},
		{name: "both transposed", m: 5, n: 6, k: 7, ta: true, tb: true, limit: 1e-6},
		{name: "added to another", m: 5, n: 6, k: 7, beta: 0.5, apart: true, bias: true, limit: 1e-6},
		{name: "one of each", m: 1, n: 1, k: 1, limit: 1e-6},
		{name: "tf32", m: 128, n: 64, k: 32, tb: true, tf32: true, limit: 1e-3},
		{name: "bfloat16 forward", m: 37, n: 24, k: 40, tb: true, factors: BF16, result: BF16, bias: true, limit: 5e-3},
		{name: "bfloat16 input gradient", m: 37, n: 40, k: 24, factors: BF16, result: BF16, beta: 1, limit: 5e-3},
		{name: "bfloat16 weight gradient", m: 24, n: 40, k: 37, ta: true, factors: BF16, beta: 1, limit: 1e-6},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			random := rand.New(rand.NewPCG(1, 2))
			a := newOperand(t, d, c.m, c.k, c.ta, c.factors, random)
			b := newOperand(t, d, c.k, c.n, c.tb, c.factors, random)
			result := newOperand(t, d, c.m, c.n, false, c.result, random)
			added := result
			product := Product{
				M: c.m, N: c.n, K: c.k, A: a.Matrix, B: b.Matrix, D: result.Matrix,
				Beta: c.beta, Factors: c.factors, Result: c.result, TF32: c.tf32,
			}
			if c.apart {
				added = newOperand(t, d, c.m, c.n, false, c.result, random)
				product.C = added.Matrix
			}
			bias := newOperand(t, d, 1, c.n, false, c.result, random)
			if c.bias {
				product.Bias = bias.At
			}
			check(t, p.Multiply(product))
			got := result.read(t, d)

			var difference, norm float64
			for row := range c.m {
				for column := range c.n {
					var want float64
					for i := range c.k {
						want += a.at(row, i) * b.at(i, column)
					}
					want += float64(c.beta) * added.at(row, column)
					if c.bias {
						want += bias.at(0, column)
					}
					difference += math.Pow(float64(got[row*result.Stride+column])-want, 2)
					norm += want * want
				}
				inGap := row*result.Stride + c.n
				if !slices.Equal(got[inGap:inGap+gap], result.values[inGap:inGap+gap]) {
					t.Errorf("the gap after row %d was overwritten", row)
				}
			}
			if relative := math.Sqrt(difference / norm); !(relative < c.limit) {
				t.Errorf("relative difference is %.1e, at most %.1e is rounding", relative, c.limit)
			}
		})
	}
}

// Products with few and many tokens share a class, and do not disturb each other.
func TestClasses(t *testing.T) {
	d := open(t)
	p := products(t, d)
	const in, out = 32, 16
	buffer, err := d.Allocate(1 << 20)
	check(t, err)
	check(t, d.Compute.Fill32(buffer.At, math.Float32bits(1), buffer.Bytes/4))
	x, w, y := buffer.At, buffer.At+256<<10, buffer.At+512<<10
	for _, tokens := range []int{1, 128, 100, 7} {
		check(t, p.Multiply(Product{M: tokens, N: out, K: in, A: Matrix{At: x}, B: Matrix{At: w, Transposed: true}, D: Matrix{At: y}}))
		check(t, p.Multiply(Product{M: out, N: in, K: tokens, A: Matrix{At: x, Transposed: true}, B: Matrix{At: x}, D: Matrix{At: w + 64<<10}}))
		var last, beyond [1]float32
		check(t, Download(d.Compute, last[:], y+Pointer(4*(tokens*out-1))))
		check(t, Download(d.Compute, beyond[:], y+4*128*out))
		if last[0] != in || beyond[0] != 1 {
			t.Errorf("with %d tokens, the last element is %g and the one beyond is %g", tokens, last[0], beyond[0])
		}
		check(t, Download(d.Compute, last[:], w+64<<10))
		if last[0] != float32(tokens) {
			t.Errorf("with %d tokens, an element of the gradient is %g", tokens, last[0])
		}
	}
	if len(p.plans) != 2 {
		t.Errorf("%d classes", len(p.plans))
	}
	check(t, p.Multiply(Product{M: 129, N: out, K: in, A: Matrix{At: x}, B: Matrix{At: w, Transposed: true}, D: Matrix{At: y}}))
	check(t, p.Multiply(Product{M: 7, N: out, K: in, A: Matrix{At: x + 4}, B: Matrix{At: w, Transposed: true}, D: Matrix{At: y}}))
	if len(p.plans) != 4 {
		t.Errorf("%d classes with more tokens, and with another alignment", len(p.plans))
	}
	check(t, d.Compute.Synchronize())
	check(t, buffer.Close())
}

// A product is the same to the bit every time.
func TestProductsRepeat(t *testing.T) {
	d := open(t)
	p := products(t, d)
	random := rand.New(rand.NewPCG(1, 2))
	const m, n, k = 64, 48, 2000 // a sum so long that it may be split
	a := newOperand(t, d, m, k, true, F32, random)
	b := newOperand(t, d, k, n, false, F32, random)
	var first []float32
	for range 3 {
		result := newOperand(t, d, m, n, false, F32, rand.New(rand.NewPCG(3, 4)))
		check(t, p.Multiply(Product{M: m, N: n, K: k, A: a.Matrix, B: b.Matrix, D: result.Matrix}))
		got := result.read(t, d)
		if first == nil {
			first = got
		}
		if !slices.Equal(first, got) {
			t.Error("the product differs from the first")
		}
	}
}

func TestProductOfNothing(t *testing.T) {
	d := open(t)
	p := products(t, d)
	result := newOperand(t, d, 2, 3, false, F32, rand.New(rand.NewPCG(1, 2)))
	result.Stride = 3
	check(t, p.Multiply(Product{M: 0, N: 3, K: 4, D: result.Matrix}))
	check(t, p.Multiply(Product{M: 2, N: 3, K: 0, Beta: 1, D: result.Matrix}))
	if !slices.Equal(result.read(t, d), result.values) {
		t.Error("a sum of nothing was added")
	}
	check(t, p.Multiply(Product{M: 2, N: 3, K: 0, D: result.Matrix}))
	if got := result.read(t, d); !slices.Equal(got[:6], make([]float32, 6)) || got[6] != result.values[6] {
		t.Errorf("a sum of nothing is %v", got)
	}
}

func TestProductsRefuse(t *testing.T) {
	d := open(t)
	p := products(t, d)
	for _, c := range []struct {
		words   string
		product Product
	}{
		{"product [2, 4]·[4, 3]: a stride is less than a row",
			Product{M: 2, N: 3, K: 4, B: Matrix{Stride: 3, Transposed: true}}},
		{"product [2, 4]·[4, 3]: the result is transposed", Product{M: 2, N: 3, K: 4, D: Matrix{Transposed: true}}},
		{"product [2, -4]·[-4, 3]: a size is negative", Product{M: 2, N: 3, K: -4}},
		{"product [2, 0]·[0, 3]: only rows that are adjacent and without bias can be cleared",
			Product{M: 2, N: 3, K: 0, Bias: 256}},
	} {
		if err := p.Multiply(c.product); err == nil || err.Error() != c.words {
			t.Errorf("error is %v, want %s", err, c.words)
		}
	}
}

func TestProductsMakeNoGarbage(t *testing.T) {
	d := open(t)
	multiply := multiplier(t, d)
	check(t, multiply())
	if allocations := testing.AllocsPerRun(100, func() { check(t, multiply()) }); allocations != 0 {
		t.Errorf("%g allocations", allocations)
	}
	check(t, d.Compute.Synchronize())
}

// The library that is installed takes what is said of every kind of product, with or without a GPU: without a handle it
// comes to say that it was not started, not that a value is invalid.
func TestDescriptors(t *testing.T) {
	if !alone(t, "UER_LIBCUDA=/nonexistent/libcuda.so.1") {
		return
	}
	library, err := loadBLAS(Driver{CUDA: 13000})
	if err != nil {
		t.Skip(err)
	}
	t.Logf("cuBLASLt %s in %s", library.Version, library.Path)
	p := &Products{blas: library, stream: &Stream{device: &Device{}}}
	for _, format := range []Format{F32, BF16} {
		for flags := range 16 {
			product := Product{
				M: 4, N: 8, K: 16, Factors: format, Result: format, TF32: flags&1 != 0,
				A: Matrix{At: 256, Transposed: flags&2 != 0}, B: Matrix{At: 512, Transposed: flags&4 != 0}, D: Matrix{At: 1040},
			}
			if flags&8 != 0 {
				product.Bias = 2052
			}
			check(t, product.complete())
			_, err := p.plan(classOf(&product), &product)
			if want := "CUBLAS_STATUS_NOT_INITIALIZED"; err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error is %v, want %s", fmt.Sprintf("%+v", product), err, want)
			}
		}
	}
}

// TestBatch multiplies the columns of one matrix with another one, to results that lie apart, in one batch and one by one.
func TestBatch(t *testing.T) {
	d := open(t)
	p := products(t, d)
	const batch, m, n, k, apart = 3, 24, 16, 40, 24*16 + 16
	random := rand.New(rand.NewPCG(1, 2))
	a := newOperand(t, d, batch*m, k, true, BF16, random) // stored as [k, batch·m]
	b := newOperand(t, d, k, n, false, BF16, random)
	for _, beta := range []float32{0, 1} {
		var results [2][]float32
		for i := range results {
			to := newOperand(t, d, 1, batch*apart-gap, false, F32, rand.New(rand.NewPCG(3, 4)))
			product := Product{
				M: m, N: n, K: k, A: a.Matrix, B: b.Matrix, D: Matrix{At: to.At}, Beta: beta, Factors: BF16,
			}
			if i == 0 {
				product.Batch, product.A.Next, product.D.Next = batch, m, apart
				check(t, p.Multiply(product))
			} else {
				for range batch {
					check(t, p.Multiply(product))
					product.A.At, product.D.At = product.A.At+2*m, product.D.At+4*apart
				}
			}
			check(t, d.Compute.Synchronize())
			results[i] = to.read(t, d)
		}
		for i, got := range results[0] {
			if want := results[1][i]; math.Abs(float64(got-want)) > 1e-4 {
				t.Fatalf("beta %v: element %d is %v in a batch, %v alone", beta, i, got, want)
			}
		}
	}
	product := Product{Batch: 2, M: m, N: n, K: k, A: a.Matrix, B: b.Matrix, D: a.Matrix, Bias: b.At}
	if err := p.Multiply(product); err == nil {
		t.Error("a batch with a bias")
	}
}

// Measuring an algorithm takes time and leaves the result of the product as it is.
func TestTimes(t *testing.T) {
	d := open(t)
	p := products(t, d)
	random := rand.New(rand.NewPCG(1, 2))
	a := newOperand(t, d, 8, 16, false, F32, random)
	b := newOperand(t, d, 16, 8, false, F32, random)
	result := newOperand(t, d, 8, 8, false, F32, random)
	product := Product{M: 8, N: 8, K: 16, A: a.Matrix, B: b.Matrix, D: result.Matrix, Beta: 1}
	check(t, product.complete())
	plan, err := p.plan(classOf(&product), &product)
	check(t, err)
	proposed, err := p.proposals(plan, &product)
	check(t, err)
	times, err := p.times(plan, product, proposed)
	check(t, err)
	for i, took := range times {
		if took <= 0 {
			t.Errorf("algorithm %d takes %v", i, took)
		}
	}
	if !slices.Equal(result.read(t, d), result.values) {
		t.Error("the result was changed")
	}
}
