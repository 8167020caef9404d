package portable

import (
	"math"

	"uer/internal/kernel/routine"
)

// tiles is products of factors in bfloat16, with the bits of AMX: see [routine.TileDepth]. A panel is [unit][part][TileDepth][lines].
func tiles(p routine.Precision) routine.Matmul {
	parts := p.Parts()
	return routine.Matmul{
		Rows: tileRows, Columns: tileColumns, Unit: routine.TileDepth, UnitSize: routine.TileDepth * parts, UnitSizeB: routine.TileDepth * parts,
		MaxDepth: [...]int{routine.BFloat16: 1024, routine.BFloat16x3: 768, routine.BFloat16x6: 512}[p], Lines: 96,
		Pack:     func(a routine.Pack) { packParts(a, parts) },
		Multiply: func(t routine.Multiply) { multiplyParts(t, p) },
		Peak:     func(rounds int) int { return peak(rounds) / len(p.Products()) },
	}
}

// packParts is pack for the parts of the elements.
func packParts(p routine.Pack, parts int) {
	const depth = routine.TileDepth
	rowStep, lineStep := p.Leading, 1
	if p.Transpose {
		rowStep, lineStep = 1, p.Leading
	}
	lines := p.Stride / (depth * parts) // of a panel, with what pads it
	for first := 0; first < p.Count; first += p.Width {
		panel := p.Panels[:routine.CeilDivide(p.Depth, depth)*p.Stride]
		p.Panels = p.Panels[len(panel):]
		clear(panel)
		for k := range p.Depth {
			unit := panel[k/depth*p.Stride:]
			for i := range min(p.Width, p.Count-first) {
				x := read(p.X, k*rowStep+(first+i)*lineStep)
				for part := range parts {
					y := routine.FromBFloat16(routine.ToBFloat16(x))
					unit[(part*depth+k%depth)*lines+i] = y
					x -= y
				}
			}
		}
	}
}

func multiplyParts(t routine.Multiply, p routine.Precision) {
	const depth = routine.TileDepth
	size := depth * p.Parts()
	lines := t.Stride / size
	for j := 0; j < t.Columns; j += tileColumns {
		for i := 0; i < t.Rows; i += t.Height {
			var sums tileSums
			for u := range t.Depth {
				a, b := t.A[(i/t.Height*t.Depth+u)*t.Stride:], t.B[(j*t.Depth+u*tileColumns)*size:]
				for _, product := range p.Products() {
					a, b := a[product[0]*depth*lines:], b[product[1]*depth*tileColumns:]
					for row := range min(t.Height, t.Rows-i) {
						for column := range tileColumns {
							addTile(&sums[row][column], a[row:], lines, b[column:], tileColumns)
						}
					}
				}
			}
			finish(&t, i, j, sums)
		}
	}
}

// addTile adds to a sum what TDPBF16PS adds: element k of a row of A is a[k*stepA], of a column of B b[k*stepB].
func addTile(sum *float32, a []float32, stepA int, b []float32, stepB int) {
	var even, odd float32
	for k := 0; k < routine.TileDepth; k += 2 {
		even = fusedMultiplyAdd(a[k*stepA], b[k*stepB], even)
		odd = fusedMultiplyAdd(a[(k+1)*stepA], b[(k+1)*stepB], odd)
	}
	*sum = roundedSum(float64(*sum), float64(roundedSum(float64(even), float64(odd))))
}

// fusedMultiplyAdd is a*b + c for a and b in bfloat16, rounded once.
func fusedMultiplyAdd(a, b, c float32) float32 {
	return roundedSum(float64(a)*float64(b), float64(c))
}

// roundedSum is x + y rounded to a float32, and a zero of its sign if it is subnormal then. A float64 is enough to round only
// once: x is a float32 or the product of two numbers in bfloat16, which has 16 bits, and y a float32. Where the smaller one
// reaches half a unit in the last place of the larger, their sum is exact, and elsewhere its last bits do not matter.
func roundedSum(x, y float64) float32 {
	sum := x + y
	// Would it be subnormal if it were rounded to 24 bits with an exponent of any size?
	if math.Abs(sum) < 0x1p-126 && math.Abs(float64(float32(sum*0x1p64))) < 0x1p-62 {
		return float32(math.Copysign(0, sum))
	}
	return float32(sum)
}
