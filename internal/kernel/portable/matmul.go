package portable

import (
	"runtime"

	"uer/internal/kernel/routine"
)

// The register tile: its eight sums and the six elements that enter them fit into sixteen registers.
const tileRows, tileColumns = 2, 4

type tileSums [tileRows][tileColumns]float32

var matmul = routine.Matmul{
	Rows: tileRows, Columns: tileColumns, Unit: 1, UnitSize: 1, UnitSizeB: 1, MaxDepth: 768, Lines: 96, Pack: pack, Multiply: multiply, Peak: peak,
}

func pack(p routine.Pack) {
	rowStep, lineStep := p.Leading, 1
	if p.Transpose {
		rowStep, lineStep = 1, p.Leading
	}
	for first := 0; first < p.Count; first += p.Width {
		panel := p.Panels[:p.Depth*p.Stride]
		p.Panels = p.Panels[p.Depth*p.Stride:]
		clear(panel)
		for k := range p.Depth {
			for i := range min(p.Width, p.Count-first) {
				panel[k*p.Stride+i] = p.X.Floats[k*rowStep+(first+i)*lineStep]
			}
		}
	}
}

func multiply(t routine.Multiply) {
	for j := 0; j < t.Columns; j += tileColumns {
		b := t.B[j*t.Depth : (j+tileColumns)*t.Depth]
		for i := 0; i < t.Rows; i += t.Height {
			a := t.A[i*t.Depth : (i+t.Height)*t.Depth]
			sums := twoRows
			if t.Height == 1 {
				sums = oneRow
			}
			finish(&t, i, j, sums(a, b))
		}
	}
}

// finish stores the register tile at row i and column j of C.
func finish(t *routine.Multiply, i, j int, sums tileSums) {
	for row := range min(t.Height, t.Rows-i) {
		var key uint64
		if t.RowNumbers != nil {
			key = t.Dropout.RowKey(uint64(t.RowNumbers[i+row]))
		}
		for column := range min(tileColumns, t.Columns-j) {
			element, sum := (i+row)*t.Leading+j+column, sums[row][column]
			if t.Addend.Present() {
				sum += read(t.Addend, element)
			}
			if t.Bias != nil {
				sum += t.Bias[j+column]
			}
			if t.PreActivation.Present() {
				write(t.PreActivation, element, sum)
			}
			if t.Activation != routine.None {
				sum = float32(Activate(t.Activation, float64(sum)))
			}
			if t.RowNumbers != nil {
				sum = drop(t.Dropout, sum, key, t.FirstColumn+j+column)
			}
			if t.Residual.Present() {
				sum += read(t.Residual, element)
			}
			write(t.C, element, sum)
		}
	}
}

// twoRows multiplies a panel [depth, 2] of A by a panel [depth, 4] of B.
func twoRows(a, b []float32) tileSums {
	var s00, s01, s02, s03, s10, s11, s12, s13 float32
	for len(a) >= 2 && len(b) >= 4 {
		s00, s01, s02, s03 = s00+a[0]*b[0], s01+a[0]*b[1], s02+a[0]*b[2], s03+a[0]*b[3]
		s10, s11, s12, s13 = s10+a[1]*b[0], s11+a[1]*b[1], s12+a[1]*b[2], s13+a[1]*b[3]
		a, b = a[2:], b[4:]
	}
	return tileSums{{s00, s01, s02, s03}, {s10, s11, s12, s13}}
}

// oneRow multiplies a row of A by a panel [depth, 4] of B.
func oneRow(a, b []float32) tileSums {
	var s0, s1, s2, s3 float32
	for len(a) >= 1 && len(b) >= 4 {
		s0, s1, s2, s3 = s0+a[0]*b[0], s1+a[0]*b[1], s2+a[0]*b[2], s3+a[0]*b[3]
		a, b = a[1:], b[4:]
	}
	return tileSums{{s0, s1, s2, s3}}
}

func peak(rounds int) int {
	var s00, s01, s02, s03, s10, s11, s12, s13 float32
	x, y := float32(0.5), float32(1)
	for range rounds {
		s00, s01, s02, s03 = s00*x+y, s01*x+y, s02*x+y, s03*x+y
		s10, s11, s12, s13 = s10*x+y, s11*x+y, s12*x+y, s13*x+y
	}
	runtime.KeepAlive(s00 + s01 + s02 + s03 + s10 + s11 + s12 + s13) // or the compiler drops the loop
	return rounds * 16
}
