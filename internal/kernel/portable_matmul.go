package kernel

import "runtime"

// The portable register tile: eight sums and the six elements they are made of fit into sixteen registers.
const portableTileRows, portableTileColumns = 2, 4

type portableSums [portableTileRows][portableTileColumns]float32

var portableMatmul = matmulRoutines{
	rows: portableTileRows, columns: portableTileColumns, slot: 1,
	pack: portablePack, multiply: portableMultiply, limit: portableLimit,
}

func portablePack(panels, x []float32, leading int, transpose bool, depth, count, width, stride int) {
	rowStep, lineStep := leading, 1
	if transpose {
		rowStep, lineStep = 1, leading
	}
	for first := 0; first < count; first += width {
		panel := panels[:depth*stride]
		panels = panels[depth*stride:]
		clear(panel)
		for k := range depth {
			for i := range min(width, count-first) {
				panel[k*stride+i] = x[k*rowStep+(first+i)*lineStep]
			}
		}
	}
}

func portableMultiply(t productTile) {
	for j := 0; j < t.columns; j += portableTileColumns {
		b := t.b[j*t.depth : (j+portableTileColumns)*t.depth]
		for i := 0; i < t.rows; i += t.height {
			a := t.a[i*t.depth : (i+t.height)*t.depth]
			sums := portableTwoRows
			if t.height == 1 {
				sums = portableOneRow
			}
			t.finish(i, j, sums(a, b))
		}
	}
}

// finish stores the register tile at row i and column j of the block.
func (t *productTile) finish(i, j int, sums portableSums) {
	for row := range min(t.height, t.rows-i) {
		var key uint64
		if t.numbers != nil {
			key = t.dropout.rowKey(uint64(t.numbers[i+row]))
		}
		for column := range min(portableTileColumns, t.columns-j) {
			element, sum := (i+row)*t.leading+j+column, sums[row][column]
			if t.accumulate {
				sum += t.c[element]
			}
			if t.bias != nil {
				sum += t.bias[j+column]
			}
			if t.before != nil {
				t.before[element] = sum
			}
			if t.activation != None {
				sum = float32(activate(t.activation, float64(sum)))
			}
			if t.numbers != nil {
				sum = t.dropout.drop(sum, key, t.firstColumn+j+column)
			}
			if t.residual != nil {
				sum += t.residual[element]
			}
			t.c[element] = sum
		}
	}
}

// portableTwoRows multiplies a panel [depth, 2] of A by a panel [depth, 4] of B.
func portableTwoRows(a, b []float32) portableSums {
	var s00, s01, s02, s03, s10, s11, s12, s13 float32
	for len(a) >= 2 && len(b) >= 4 {
		s00, s01, s02, s03 = s00+a[0]*b[0], s01+a[0]*b[1], s02+a[0]*b[2], s03+a[0]*b[3]
		s10, s11, s12, s13 = s10+a[1]*b[0], s11+a[1]*b[1], s12+a[1]*b[2], s13+a[1]*b[3]
		a, b = a[2:], b[4:]
	}
	return portableSums{{s00, s01, s02, s03}, {s10, s11, s12, s13}}
}

// portableOneRow multiplies a row of A by a panel [depth, 4] of B.
func portableOneRow(a, b []float32) portableSums {
	var s0, s1, s2, s3 float32
	for len(a) >= 1 && len(b) >= 4 {
		s0, s1, s2, s3 = s0+a[0]*b[0], s1+a[0]*b[1], s2+a[0]*b[2], s3+a[0]*b[3]
		a, b = a[1:], b[4:]
	}
	return portableSums{{s0, s1, s2, s3}}
}

func portableLimit(rounds int) int {
	var s00, s01, s02, s03, s10, s11, s12, s13 float32
	x, y := float32(0.5), float32(1)
	for range rounds {
		s00, s01, s02, s03 = s00*x+y, s01*x+y, s02*x+y, s03*x+y
		s10, s11, s12, s13 = s10*x+y, s11*x+y, s12*x+y, s13*x+y
	}
	runtime.KeepAlive(s00 + s01 + s02 + s03 + s10 + s11 + s12 + s13) // or the compiler leaves out the loop
	return rounds * 16
}
