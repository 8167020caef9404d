package kernel

import "math"

func portableNormForward(n Norm, y, sum, stats, x, residual []float32, rows []int32, d Dropout) {
	if sum == nil {
		sum = x
	} else {
		portableDropout(sum, x, residual, n.Width, rows, d)
	}
	for r := range len(x) / n.Width {
		i, j := r*n.Width, (r+1)*n.Width
		mean, deviation := normStatistics(n.Kind, sum[i:j])
		stats[2*r], stats[2*r+1] = mean, deviation
		divisor := n.divisor(deviation)
		for k, v := range sum[i:j] {
			y[i+k] = n.Gamma[k]*((v-mean)/divisor) + at(n.Beta, k)
		}
	}
}

// normStatistics is the mean and sample deviation of a row, or 0 and the root of its mean square plus epsilon.
func normStatistics(kind NormKind, x []float32) (mean, deviation float32) {
	if kind == NormUER {
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
	if kind == NormRMS {
		return 0, float32(math.Sqrt(squares/float64(len(x)) + normEpsilon))
	}
	return mean, float32(math.Sqrt(squares / float64(max(1, len(x)-1))))
}

// divisor is what the centred row is divided by.
func (n Norm) divisor(deviation float32) float32 {
	if n.Kind == NormUER {
		return deviation + normEpsilon
	}
	return deviation
}

// With c = x-μ, q the divisor and g = γ dy:
//
//	NormUER: dx = (g - mean(g))/q - c Σ(g c)/(q² s (width-1)), without the second term where s = 0
//	NormRMS: dx = g/q - c Σ(g c)/(q³ width)
func portableNormBackward(n Norm, g normGradient, dy, sum, stats []float32, rows []int32, d Dropout) {
	clear(g.parameters)
	dgamma, dbeta := g.parameters[:n.Width], g.parameters[n.Width:]
	dsum := make([]float32, n.Width)
	for r := range len(dy) / n.Width {
		i, j := r*n.Width, (r+1)*n.Width
		mean, deviation := stats[2*r], stats[2*r+1]
		q := n.divisor(deviation)
		slope, product := 0.0, 0.0 // Σ g, Σ g c
		for k, v := range dy[i:j] {
			centred := sum[i+k] - mean
			dgamma[k] += v * (centred / q)
			dbeta[k] += v
			slope += float64(n.Gamma[k]) * float64(v)
			product += float64(n.Gamma[k]) * float64(v) * float64(centred)
		}
		shift, factor := n.backwardTerms(slope, product, float64(deviation))
		for k, v := range dy[i:j] {
			dsum[k] = (n.Gamma[k]*v-shift)/q - (sum[i+k]-mean)*factor
		}
		if g.dresidual != nil {
			portableScale(g.dresidual[i:j], dsum, 1, g.accumulate[1])
		}
		if g.dx != nil {
			portableDropout(g.dx[i:j], dsum, kept(g.dx[i:j], g.accumulate[0]), n.Width, part(rows, r, r+1), d)
		}
	}
}

// backwardTerms are mean(g) and the factor of c, in the terms of portableNormBackward.
func (n Norm) backwardTerms(slope, product, deviation float64) (shift, factor float32) {
	width := float64(n.Width)
	if n.Kind == NormRMS {
		return 0, float32(product / (deviation * deviation * deviation * width))
	}
	if deviation != 0 {
		q := deviation + normEpsilon
		factor = float32(product / (q * q * deviation * max(1, width-1)))
	}
	return float32(slope / width), factor
}

// kept is what is added to an output: itself if it accumulates, else nothing.
func kept(out []float32, accumulate bool) []float32 {
	if accumulate {
		return out
	}
	return nil
}
