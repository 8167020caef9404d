package portable

import (
	"math"

	"uer/internal/kernel/routine"
)

func normForward(n routine.NormForward) {
	sum := n.Sum
	if sum == nil {
		sum = n.X
	} else {
		dropoutAdd(routine.DropoutAdd{Y: sum, X: n.X, Residual: n.Residual, Width: n.Width, Rows: n.Rows, Dropout: n.Dropout})
	}
	for i := 0; n.Round && i < len(sum); i++ {
		sum[i] = routine.FromBFloat16(routine.ToBFloat16(sum[i]))
	}
	for r := range len(n.X) / n.Width {
		i, j := r*n.Width, (r+1)*n.Width
		mean, deviation := normStatistics(&n, sum[i:j])
		n.Stats[2*r], n.Stats[2*r+1] = mean, deviation
		divisor := normDivisor(n.Kind, n.Epsilon, deviation)
		for k, v := range sum[i:j] {
			n.Y[i+k] = n.Gamma[k]*((v-mean)/divisor) + at(n.Beta, k)
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
	if !n.Accumulate {
		clear(n.DParameters)
	}
	dgamma, dbeta := n.DParameters[:n.Width], n.DParameters[n.Width:]
	dsum := make([]float32, n.Width)
	for r := range len(n.DY) / n.Width {
		i, j := r*n.Width, (r+1)*n.Width
		mean, deviation := n.Stats[2*r], n.Stats[2*r+1]
		q := normDivisor(n.Kind, n.Epsilon, deviation)
		slope, product := 0.0, 0.0 // Σ g, Σ g c
		for k, v := range n.DY[i:j] {
			centred := n.Sum[i+k] - mean
			dgamma[k] += v * (centred / q)
			dbeta[k] += v
			slope += float64(n.Gamma[k]) * float64(v)
			product += float64(n.Gamma[k]) * float64(v) * float64(centred)
		}
		shift, factor := backwardTerms(&n, slope, product, float64(deviation))
		for k, v := range n.DY[i:j] {
			dsum[k] = (n.Gamma[k]*v-shift)/q - (n.Sum[i+k]-mean)*factor
		}
		if out := n.DResidual.Slice(i, j); out.To != nil {
			scale(routine.Scale{Out: out.To, X: dsum, Factor: 1, Accumulate: out.Accumulate})
		}
		if out := n.DX.Slice(i, j); out.To != nil {
			a := routine.DropoutAdd{Y: out.To, X: dsum, Width: n.Width, Dropout: n.Dropout}
			if n.Rows != nil {
				a.Rows = n.Rows[r : r+1]
			}
			if out.Accumulate {
				a.Residual = out.To
			}
			dropoutAdd(a)
		}
	}
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
