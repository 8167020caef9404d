package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"uer/internal/kernel/portable"
)

// productCase is a product with its operands spread out as their leading dimensions say.
type productCase struct {
	m, n, k                            int
	transposeA, transposeB, accumulate bool
	bias                               bool
	activation                         Activation
	before, packed                     bool
	dropout                            float32
	residual                           bool
	padding                            int // of the leading dimensions
	precision                          Precision
}

func (p productCase) String() string {
	return fmt.Sprintf("%dx%dx%d tA=%t tB=%t accumulate=%t bias=%t activation=%d before=%t packed=%t dropout=%g residual=%t padding=%d "+
		"precision=%d", p.m, p.n, p.k, p.transposeA, p.transposeB, p.accumulate, p.bias, p.activation, p.before, p.packed, p.dropout,
		p.residual, p.padding, p.precision)
}

// product makes the operands. What lies between the rows is not a number, so that a result which reads it shows.
func (p productCase) product(generator *rand.Rand) Product {
	matrix := func(rows, columns int, transposed bool) (Array, int) {
		if transposed {
			rows, columns = columns, rows
		}
		x := make([]float32, rows*(columns+p.padding))
		for i := range x {
			if x[i] = float32(generator.NormFloat64()); i%(columns+p.padding) >= columns {
				x[i] = float32(math.NaN())
			}
		}
		return Floats(x), columns + p.padding
	}
	q := Product{M: p.m, N: p.n, K: p.k, TransposeA: p.transposeA, TransposeB: p.transposeB, Accumulate: p.accumulate,
		Activation: p.activation, Dropout: Dropout{Probability: p.dropout, Key: 5}, Rows: counting(1<<30, p.m), Precision: p.precision}
	q.A, q.LDA = matrix(p.m, p.k, p.transposeA)
	q.B, q.LDB = matrix(p.k, p.n, p.transposeB)
	q.C, q.LDC = matrix(p.m, p.n, false)
	if p.bias {
		bias, _ := matrix(1, p.n, false)
		q.Bias = bias.Floats[:p.n]
	}
	if p.before {
		q.PreActivation = Floats(slices.Clone(q.C.Floats))
	}
	if p.residual {
		q.Residual, _ = matrix(p.m, p.n, false)
	}
	return q
}

// reference is the value before the activation in float64, and the sum of the magnitudes of its terms.
func reference(p *Product, i, j int) (sum, magnitude float64) {
	add := func(x float64) {
		sum += x
		magnitude += math.Abs(x)
	}
	if p.Accumulate {
		add(float64(p.C.Floats[i*p.LDC+j]))
	}
	if p.Bias != nil {
		add(float64(p.Bias[j]))
	}
	aStart, aStep, bStart, bStep := i*p.LDA, 1, j, p.LDB
	if p.TransposeA {
		aStart, aStep = i, p.LDA
	}
	if p.TransposeB {
		bStart, bStep = j*p.LDB, 1
	}
	for k := range p.K {
		a, b := p.A.Floats[aStart+k*aStep], p.B.Floats[bStart+k*bStep]
		if p.Precision == Float32 {
			add(float64(a) * float64(b))
		}
		for _, product := range p.Precision.Products() {
			add(bf16Part(a, product[0]) * bf16Part(b, product[1]))
		}
	}
	return sum, magnitude
}

// bf16Part is a part of a number in a precision that has several.
func bf16Part(x float32, part int) float64 {
	for range part {
		x -= roundBF16(x)
	}
	return float64(roundBF16(x))
}

// roundBF16 rounds to the nearest number in bfloat16, at a tie to the one with an even last bit.
func roundBF16(x float32) float32 {
	bits := math.Float32bits(x)
	return math.Float32frombits((bits + 0x7fff + bits>>16&1) &^ 0xffff)
}

// tolerance bounds the rounding error of a sum in float32 over blocks of K: each of the additions on the way to an element
// adds at most half a unit in the last place of a partial sum, itself at most the sum of magnitudes. Errors of either
// sign cancel, so the bound grows with the root of the number of additions; 4 covers the tail.
func tolerance(k int, magnitude float64) float64 {
	const unit = 1.0 / (1 << 24)
	return 4 * unit * math.Sqrt(float64(k+4)) * magnitude
}

// slope bounds the derivative of every activation.
const slope = 1.13

// expectation is what some elements of a product have to be.
type expectation struct {
	row, column         int
	before, value       float64
	beforeLimit, within float64
}

// expect computes every step-th element.
func expect(p *Product, step int) []expectation {
	var list []expectation
	for e := 0; e < p.M*p.N; e += step {
		i, j := e/p.N, e%p.N
		before, magnitude := reference(p, i, j)
		limit, value := tolerance(p.K*max(1, len(p.Precision.Products())), magnitude), portable.Activate(p.Activation, before)
		within := limit*slope + 1e-6*math.Abs(value) + 1e-7
		if d := p.Dropout; d.Probability > 0 {
			factor := 0.0
			if !d.Drops(d.RowKey(uint64(p.Rows[i])), j) {
				factor = 1 / (1 - float64(d.Probability))
			}
			value, within = value*factor, (within+1e-7*math.Abs(value))*factor
		}
		if p.Residual.Floats != nil {
			value += float64(p.Residual.Floats[i*p.LDC+j])
			within += 1e-7 * math.Abs(value)
		}
		list = append(list, expectation{i, j, before, value, limit, within})
	}
	return list
}

func checkProduct(t *testing.T, name string, want []expectation, got *Product) {
	t.Helper()
	for _, w := range want {
		e := w.row*got.LDC + w.column
		if got.PreActivation.Floats != nil && !(math.Abs(float64(got.PreActivation.Floats[e])-w.before) <= w.beforeLimit) {
			t.Fatalf("%s: PreActivation[%d, %d] is %g, not %g", name, w.row, w.column, got.PreActivation.Floats[e], w.before)
		}
		if !(math.Abs(float64(got.C.Floats[e])-w.value) <= w.within) {
			t.Fatalf("%s: C[%d, %d] is %g, not %g within %g", name, w.row, w.column, got.C.Floats[e], w.value, w.within)
		}
	}
	for e := range got.C.Floats {
		between := e%got.LDC >= got.N
		if between != math.IsNaN(float64(got.C.Floats[e])) || got.PreActivation.Floats != nil && between != math.IsNaN(float64(got.PreActivation.Floats[e])) {
			t.Fatalf("%s: wrote between the rows", name)
		}
	}
}

func identical(a, b []float32) bool {
	return slices.EqualFunc(a, b, func(x, y float32) bool { return math.Float32bits(x) == math.Float32bits(y) })
}

// testProduct runs a case on every instruction set and number of threads, and checks that the results are right and do not
// depend on the threads.
func testProduct(t *testing.T, cpus [][]*CPU, p productCase, step int) {
	t.Helper()
	q := p.product(rand.New(rand.NewPCG(uint64(p.m), uint64(p.n*1000+p.k))))
	want := expect(&q, step)
	for _, set := range cpus {
		if inPlainGo(set[0].Name(), p.precision) {
			continue
		}
		var first Product
		for i, c := range set {
			name := fmt.Sprintf("%s, %d threads, %v", c.Name(), c.Threads(), p)
			got := q
			got.C, got.PreActivation = Floats(slices.Clone(q.C.Floats)), Floats(slices.Clone(q.PreActivation.Floats))
			multiplyCase(c, p, &got)
			if i == 0 {
				checkProduct(t, name, want, &got)
				first = got
			} else if !identical(first.C.Floats, got.C.Floats) || !identical(first.PreActivation.Floats, got.PreActivation.Floats) {
				t.Fatalf("%s: differs from %d threads", name, set[0].Threads())
			}
		}
	}
}

// inPlainGo reports whether a set has products in a precision in plain Go only, which takes long; TestTiles has those.
func inPlainGo(set string, precision Precision) bool {
	return precision != Float32 && (set == "portable" || set == "baseline")
}

// multiplyCase computes the case's product, with B packed before if the case says so.
func multiplyCase(c *CPU, p productCase, q *Product) {
	if p.packed {
		memory := make([]float32, c.PackedSize(p.k, p.n, p.precision))
		packed := c.Pack(memory, q.B, q.LDB, p.k, p.n, p.transposeB, p.precision)
		q.Packed, q.B = &packed, Array{}
	}
	c.MatMul(q)
}

// cpusOf gives a CPU for every number of threads, for every instruction set of which keep is true.
func cpusOf(t *testing.T, keep func(set string) bool, threads ...int) [][]*CPU {
	var list [][]*CPU
	for _, set := range testedSets() {
		if keep(set) {
			var cpus []*CPU
			for _, n := range threads {
				cpus = append(cpus, newTestCPU(t, set, n))
			}
			list = append(list, cpus)
		}
	}
	return list
}

func allSets(string) bool { return true }

func TestMatMul(t *testing.T) {
	sizes := [][3]int{
		{1, 1, 1}, {1, 65, 17}, {3, 1, 63}, {17, 3, 1}, {2, 33, 385}, {15, 64, 64}, {16, 31, 65}, {63, 65, 17}, {65, 17, 63},
		{113, 129, 40}, {100, 40, 769}, {200, 270, 20},
	}
	cpus := cpusOf(t, allSets, 1, 2, 5)
	for number, size := range sizes {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			for flags := range 16 {
				p := productCase{m: size[0], n: size[1], k: size[2], transposeA: flags&1 != 0, transposeB: flags&2 != 0,
					accumulate: flags&4 != 0, bias: flags&8 != 0, padding: (number + flags) % 3}
				// The other choices change along the table, so that each meets each.
				p.packed = (number+flags/2)%2 == 0
				if (number+flags/4)%2 == 0 {
					p.activation = Activation((number + flags) % int(Sigmoid+1))
					p.before = p.activation != None && flags%3 == 0
				}
				p.residual = (number+flags/3)%2 == 0
				if (number+flags/5)%2 == 0 {
					p.dropout = 0.3
				}
				testProduct(t, cpus, p, 1+p.m*p.n/600)
				p.precision = BFloat16 + Precision(flags+number)%3
				testProduct(t, cpus, p, 1+p.m*p.n/300)
			}
		})
	}
}

// Products with more than one chunk of either factor, and many blocks of K.
func TestMatMulChunks(t *testing.T) {
	native := func(set string) bool { return set != "portable" } // which is slow, and cut in the same way
	cpus := cpusOf(t, native, 1, 2)
	sizes := [][3]int{{120, 1100, 1700}, {1500, 70, 800}, {9, 300, 3500}, {1400, 1101, 1000}}
	if testing.Short() {
		sizes = sizes[:2]
	}
	for _, size := range sizes {
		p := productCase{m: size[0], n: size[1], k: size[2], transposeB: true, bias: true, activation: ReLU}
		testProduct(t, cpus, p, 1001)
		p.transposeA, p.transposeB, p.accumulate, p.precision = true, false, true, BFloat16
		p.dropout, p.residual = 0.1, true
		testProduct(t, cpus, p, 1001)
	}
}

// One term is not rounded after its factors, so this shows how factors are rounded.
func TestMatMulRoundsToBF16(t *testing.T) {
	for _, set := range testedSets() {
		c := newTestCPU(t, set, 1)
		for _, bits := range []uint32{
			0x3f800000, 0x3f807fff, 0x3f808000, 0x3f808001, 0x3f818000, 0xbf81ffff, 0x7f7fffff, 0xff800000,
		} {
			x, result := math.Float32frombits(bits), make([]float32, 1)
			for _, transpose := range []bool{false, true} {
				c.MatMul(&Product{M: 1, N: 1, K: 1, A: Floats([]float32{x}), TransposeA: transpose, B: Floats([]float32{1}), C: Floats(result),
					Precision: BFloat16})
				if result[0] != roundBF16(x) {
					t.Errorf("%#08x became %#08x, not %#08x", bits, math.Float32bits(result[0]), math.Float32bits(roundBF16(x)))
				}
			}
		}
	}
}

func TestMatMulWithoutDepth(t *testing.T) {
	for _, cpus := range cpusOf(t, allSets, 1, 2) {
		for _, c := range cpus {
			result := []float32{1, 2, 3, 4, 5, 6}
			c.MatMul(&Product{M: 2, N: 3, C: Floats(result), Bias: []float32{10, 20, -30}, Accumulate: true, Activation: ReLU})
			if want := []float32{11, 22, 0, 14, 25, 0}; !slices.Equal(result, want) {
				t.Errorf("%s, %d threads: %v, not %v", c.Name(), c.Threads(), result, want)
			}
			c.MatMul(&Product{M: 2, N: 3, C: Floats(result)})
			if want := make([]float32, 6); !slices.Equal(result, want) {
				t.Errorf("%s, %d threads: %v, not zeros", c.Name(), c.Threads(), result)
			}
			c.MatMul(&Product{M: 0, N: 3, K: 2, B: Floats(make([]float32, 6))})
		}
	}
}

// A weight that is not finite must reach the outputs that use it, and only those.
func TestMatMulNotFinite(t *testing.T) {
	for _, set := range testedSets() {
		p := productCase{m: 5, n: 37, k: 20}.product(rand.New(rand.NewPCG(1, 2)))
		p.B.Floats[3*p.LDB+36] = float32(math.Inf(1))
		p.A.Floats[2*p.LDA+7] = float32(math.NaN())
		newTestCPU(t, set, 1).MatMul(&p)
		for i := range p.M {
			for j := range p.N {
				finite := !math.IsNaN(float64(p.C.Floats[i*p.LDC+j])) && !math.IsInf(float64(p.C.Floats[i*p.LDC+j]), 0)
				if finite == (i == 2 || j == 36) {
					t.Errorf("%s: C[%d, %d] is %g", set, i, j, p.C.Floats[i*p.LDC+j])
				}
			}
		}
	}
}

func TestMatMulRefusesWrongOperands(t *testing.T) {
	c := newTestCPU(t, "portable", 1)
	x := make([]float32, 100)
	packed := c.Pack(make([]float32, c.PackedSize(4, 4, Float32)), Floats(x), 0, 4, 4, false, Float32)
	for name, p := range map[string]Product{
		"short A":           {M: 20, N: 2, K: 6, A: Floats(x), B: Floats(x), C: Floats(x)},
		"short B":           {M: 2, N: 20, K: 6, A: Floats(x), B: Floats(x), C: Floats(x)},
		"short C":           {M: 20, N: 6, K: 1, A: Floats(x), B: Floats(x), C: Floats(x)},
		"leading dimension": {M: 2, N: 6, K: 2, A: Floats(x), B: Floats(x), C: Floats(x), LDC: 5},
		"short residual":    {M: 20, N: 2, K: 2, A: Floats(x), B: Floats(x), C: Floats(x), Residual: Floats(x[:39])},
		"missing rows":      {M: 2, N: 2, K: 2, A: Floats(x), B: Floats(x), C: Floats(x), Dropout: Dropout{Probability: 0.5}},
		"short bias":        {M: 2, N: 2, K: 2, A: Floats(x), B: Floats(x), C: Floats(x), Bias: x[:1]},
		"negative size":     {M: -1, N: 2, K: 2, A: Floats(x), B: Floats(x), C: Floats(x)},
		"other packed size": {M: 2, N: 3, K: 4, A: Floats(x), Packed: &packed, C: Floats(x)},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("accepted")
				}
			}()
			c.MatMul(&p)
		})
	}
}

func TestMatMulMemoryDoesNotGrow(t *testing.T) {
	c := newTestCPU(t, InstructionSets()[0], 2)
	p := productCase{m: 200, n: 100, k: 500}.product(rand.New(rand.NewPCG(1, 2)))
	allocations := testing.AllocsPerRun(5, func() { c.MatMul(&p) })
	p = productCase{m: 800, n: 100, k: 500}.product(rand.New(rand.NewPCG(1, 2)))
	if more := testing.AllocsPerRun(5, func() { c.MatMul(&p) }); more > allocations || more > 12 {
		t.Errorf("%v allocations, and %v for a larger product", allocations, more)
	}
}

// Dropout and residual in a product give the bits that they give after it.
func TestMatMulDropsAsDropoutDoes(t *testing.T) {
	for _, set := range testedSets() {
		c := newTestCPU(t, set, 2)
		for _, d := range []Dropout{{}, {Probability: 0.1, Key: 3}, {Probability: 1, Key: 4}} {
			p := productCase{m: 37, n: 75, k: 800, bias: true}.product(rand.New(rand.NewPCG(1, 2)))
			rows, residual := counting(40, p.M), random(5, len(p.C.Floats))
			c.MatMul(&p)
			want := make([]float32, len(p.C.Floats))
			c.DropoutAdd(Floats(want), p.C, Floats(residual), p.N, rows, d)
			p.Dropout, p.Rows, p.Residual = d, rows, Floats(residual)
			if c.MatMul(&p); !identical(p.C.Floats, want) {
				t.Errorf("%s, probability %v: differs from dropout after the product", set, d.Probability)
			}
		}
	}
}
