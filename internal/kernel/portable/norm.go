package portable

import (
	"math"

	"uer/internal/kernel/routine"
)

func normForward(n routine.NormForward) {
	sum := n.Sum
	if !sum.Present() {
		sum = n.X
	} else {
		dropoutAdd(routine.DropoutAdd{Y: sum, X: n.X, Residual: n.Residual, Width: n.Width, Rows: n.Rows, Dropout: n.Dropout})
	}
	row := make([]float32, n.Width)
	for r := range n.X.Len() / n.Width {
		i := r * n.Width
		for k := range row {
			row[k] = read(sum, i+k)
		}
		mean, deviation := normStatistics(&n, row)
		n.Stats[2*r], n.Stats[2*r+1] = mean, deviation
		divisor := normDivisor(n.Kind, n.Epsilon, deviation)
		for k, v := range row {
			write(n.Y, i+k, n.Gamma[k]*((v-mean)/divisor)+at(routine.Floats(n.Beta), k))
		}
	}
}

// normStatistics is the mean and sample deviation of a row, or the mean (0 for NormRMS) and the root of the mean square plus
// epsilon.
func normStatistics(n *routine.NormForward, x []float32) (mean, deviation float32) {
	if n.Kind != routine.NormRMS {
		sum := 0.0
		for _, v := range x {
			sum += float64(v)
		}
		mean = float32(sum / float64(len(x)))
	}
	squares := 0.0
	for _, v := range x {
		squares += float64(v-mean) * float64(v-mean)
	}
	if n.Kind != routine.NormUER {
		return mean, float32(math.Sqrt(squares/float64(len(x)) + n.Epsilon))
	}
	return mean, float32(math.Sqrt(squares / float64(max(1, len(x)-1))))
}

// normDivisor is what the centred row is divided by.
func normDivisor(kind routine.NormKind, epsilon float64, deviation float32) float32 {
	if kind == routine.NormUER {
		return deviation + float32(epsilon)
	}
	return deviation
}

// With c = x-μ, q the divisor and g = γ dy:
//
//	NormUER: dx = (g - mean(g))/q - c Σ(g c)/(q² s (width-1)), without the second term where s = 0
//	NormRMS: dx = g/q - c Σ(g c)/(q³ width)
//	NormStandard: dx = (g - mean(g))/q - c Σ(g c)/(q³ width)
func normBackward(n routine.NormBackward) {
	clear(n.DParameters)
	dgamma, dbeta := n.DParameters[:n.Width], n.DParameters[n.Width:]
	for r := range n.DY.Len() / n.Width {
		i := r * n.Width
		mean, deviation := n.Stats[2*r], n.Stats[2*r+1]
		q := normDivisor(n.Kind, n.Epsilon, deviation)
		slope, product := 0.0, 0.0 // Σ g, Σ g c
		for k := range n.Width {
			v, centred := read(n.DY, i+k), read(n.Sum, i+k)-mean
			dgamma[k] += v * (centred / q)
			dbeta[k] += v
			slope += float64(n.Gamma[k]) * float64(v)
			product += float64(n.Gamma[k]) * float64(v) * float64(centred)
		}
		shift, factor := backwardTerms(&n, slope, product, float64(deviation))
		var key uint64
		if n.Rows != nil {
			key = n.Dropout.RowKey(uint64(n.Rows[r]))
		}
		for k := range n.Width {
			dsum := (n.Gamma[k]*read(n.DY, i+k)-shift)/q - (read(n.Sum, i+k)-mean)*factor
			put(n.DResidual, i+k, dsum)
			if n.Rows != nil {
				dsum = drop(n.Dropout, dsum, key, k)
			}
			put(n.DX, i+k, dsum)
		}
	}
}

// put writes or adds x to element i of an output.
func put(o routine.Output, i int, x float32) {
	if !o.To.Present() {
		return
	}
	if o.Accumulate {
		x += read(o.To, i)
	}
	write(o.To, i, x)
}

// backwardTerms are mean(g) and the factor of c, in the terms of normBackward.
func backwardTerms(n *routine.NormBackward, slope, product, deviation float64) (shift, factor float32) {
	width := float64(n.Width)
	if n.Kind != routine.NormRMS {
		shift = float32(slope / width)
	}
	if n.Kind != routine.NormUER {
		return shift, float32(product / (deviation * deviation * deviation * width))
	}
	if deviation != 0 {
		q := deviation + n.Epsilon
		factor = float32(product / (q * q * deviation * max(1, width-1)))
	}
	return shift, factor
}
