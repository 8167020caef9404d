package kernel

import (
	"math"

	"uer/internal/kernel/routine"
)

// Adafactor is one update of Adafactor (Shazeer, Stern: Adafactor: adaptive learning rates with sublinear memory cost,
// 2018) as UER-py applies it: with a given learning rate, clipping at 1 and no first moment. With g = GradientScale
// gradient, u = g² + 1e-30 and β = 1 - Step^-0.8, a tensor with at least two axes keeps for each matrix of its last two
//
//	R = β R + (1-β) mean over columns of u
//	C = β C + (1-β) mean over rows of u
//	d = g / (√(R/mean(R)) √C)
//
// and any other tensor v = β v + (1-β) u with d = g/√v. Then
//
//	p = p - Rate WeightDecay p
//	p = p - Rate d/max(1, √mean(d²))     the mean is over the whole tensor
type Adafactor struct {
	Rate, WeightDecay float64
	GradientScale     float64 // for clipping and averaging; 1 for neither
	Step              int     // number of the update, from 1
}

const adafactorEpsilon = 1e-30

// factors is a tensor seen as matrices.
type factors struct{ routine.Factored }

func factorShape(shape []int) factors {
	f := factors{routine.Factored{Count: 1, Rows: 1, Width: 1}}
	axes := len(shape)
	if axes > 0 {
		f.Width = shape[axes-1]
	}
	if axes > 1 {
		f.Rows = shape[axes-2]
		for _, n := range shape[:axes-2] {
			f.Count *= n
		}
	}
	return f
}

// AdafactorMoments are the lengths of the moments of a tensor: R and C, or v and 0.
func AdafactorMoments(shape []int) (first, second int) {
	f := factorShape(shape)
	if len(shape) < 2 {
		return f.Width, 0
	}
	return f.Count * f.Rows, f.Count * f.Width
}

// AdafactorScratch is the length of the scratch memory of Adafactor.
func AdafactorScratch(shape []int) int {
	f := factorShape(shape)
	blocks, _ := f.blocks()
	return f.Count*(f.Rows+f.Width) + blocks*f.Width
}

// Adafactor updates the parameters and moments of a tensor of the given shape in place. The moments have the lengths
// of AdafactorMoments, scratch that of AdafactorScratch.
func (c *CPU) Adafactor(a Adafactor, parameters, gradients, first, second []float32, shape []int, scratch []float32) {
	f := factorShape(shape)
	size := f.Count * f.Rows * f.Width
	nFirst, nSecond := AdafactorMoments(shape)
	requireLength("parameters", len(parameters), size)
	requireLength("gradients", len(gradients), size)
	requireLength("first", len(first), nFirst)
	requireLength("second", len(second), nSecond)
	requireScratch(scratch, AdafactorScratch(shape))
	if size == 0 {
		return
	}
	f.Gradient = gradients
	f.Row, scratch = scratch[:f.Count*f.Rows], scratch[f.Count*f.Rows:]
	f.Column, scratch = scratch[:f.Count*f.Width], scratch[f.Count*f.Width:]
	if len(shape) < 2 {
		a.moments().updateVector(f, first)
	} else {
		c.sumFactors(f, scratch)
		m := a.moments()
		c.overRows(f.Count, f.Rows+f.Width, func(i, j int) {
			for matrix := i; matrix < j; matrix++ {
				m.updateMatrix(f, matrix, first, second)
			}
		})
	}
	clip := max(1, math.Sqrt(c.sumUpdates(f)/float64(size)))
	c.overFactors(f, func(block int, tile factors, start int) {
		c.table.AdafactorUpdate(routine.FactoredUpdate{
			Factored: tile.Factored, Parameters: parameters[start : start+len(tile.Gradient)],
			Rate: float32(a.Rate / clip), Decay: float32(a.Rate * a.WeightDecay),
		})
	})
}

// moments averages squared gradients over the updates so far.
type moments struct{ beta, scale float64 }

func (a Adafactor) moments() moments {
	return moments{beta: 1 - math.Pow(float64(a.Step), -0.8), scale: a.GradientScale}
}

// next is the moment after an update, given the sum of the squares of n gradients.
func (m moments) next(old, squares float32, n int) float64 {
	mean := float64(squares)*m.scale*m.scale/float64(n) + adafactorEpsilon
	return m.beta*float64(old) + (1-m.beta)*mean
}

// updateVector updates the moment of a tensor with fewer than two axes and sets its factors.
func (m moments) updateVector(f factors, moment []float32) {
	for i, g := range f.Gradient {
		v := m.next(moment[i], g*g, 1)
		moment[i] = float32(v)
		f.Column[i] = float32(1 / math.Sqrt(v))
	}
	f.Row[0] = float32(m.scale)
}

// updateMatrix updates the moments of a matrix of f, and turns the sums of squares in f into factors.
func (m moments) updateMatrix(f factors, matrix int, first, second []float32) {
	i, j := matrix*f.Rows, (matrix+1)*f.Rows
	row, moment := f.Row[i:j], first[i:j]
	mean := 0.0
	for i, squares := range row {
		r := m.next(moment[i], squares, f.Width)
		moment[i] = float32(r)
		mean += r / float64(f.Rows)
	}
	for i, r := range moment {
		row[i] = float32(m.scale * math.Sqrt(mean/float64(r)))
	}
	i, j = matrix*f.Width, (matrix+1)*f.Width
	column, moment := f.Column[i:j], second[i:j]
	for i, squares := range column {
		v := m.next(moment[i], squares, f.Rows)
		moment[i] = float32(v)
		column[i] = float32(1 / math.Sqrt(v))
	}
}

// blocks cuts the matrices, or the rows of a single one, into at most maxBlocks blocks.
func (f factors) blocks() (blocks, step int) {
	units, size := f.Count, f.Rows*f.Width
	if f.Count == 1 {
		units, size = f.Rows, f.Width
	}
	step = max(1, tileElements/max(1, size), routine.CeilDivide(units, maxBlocks))
	return routine.CeilDivide(units, step), step
}

// overFactors calls body for every block of a tensor; start is the index of its first element.
func (c *CPU) overFactors(f factors, body func(block int, tile factors, start int)) {
	blocks, step := f.blocks()
	c.parallel(blocks, func(block int) {
		tile, i := f, block*step
		if f.Count > 1 {
			j := min(i+step, f.Count)
			tile.Count = j - i
			tile.Row, tile.Column = f.Row[i*f.Rows:j*f.Rows], f.Column[i*f.Width:j*f.Width]
			i, j = i*f.Rows, j*f.Rows
			tile.Gradient = f.Gradient[i*f.Width : j*f.Width]
		} else {
			j := min(i+step, f.Rows)
			tile.Rows = j - i
			tile.Row = f.Row[i:j]
			tile.Gradient = f.Gradient[i*f.Width : j*f.Width]
		}
		body(block, tile, i*f.Width)
	})
}

// sumFactors sets the row and column factors of f to the sums of squared gradients.
func (c *CPU) sumFactors(f factors, scratch []float32) {
	blocks, _ := f.blocks()
	partials := scratch[:blocks*f.Width] // [blocks, width], the sums of the columns in blocks of rows
	c.overFactors(f, func(block int, tile factors, _ int) {
		if f.Count == 1 {
			tile.Column = partials[block*f.Width : (block+1)*f.Width]
		}
		c.table.AdafactorSums(tile.Factored)
	})
	if f.Count == 1 {
		c.sumBlocks(Output{To: Floats(f.Column)}, partials, f.Width)
	}
}

// sumUpdates is Σ d².
func (c *CPU) sumUpdates(f factors) float64 {
	var sums [maxBlocks]float64
	c.overFactors(f, func(block int, tile factors, _ int) { sums[block] = c.table.AdafactorSquares(tile.Factored) })
	total := 0.0
	for _, s := range sums {
		total += s
	}
	return total
}
