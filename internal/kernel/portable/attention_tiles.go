package portable

import (
	"math"

	"uer/internal/kernel/routine"
)

// Attention with the bits that routine.TileAttention defines. Elementary functions are those of the routines in C.

func tileAttentionForward(t routine.AttentionHeads)  { eachHead(&t, tileHeadForward) }
func tileAttentionBackward(t routine.AttentionHeads) { eachHead(&t, tileHeadBackward) }

func tileHeadForward(t *routine.AttentionHeads) {
	for i := range t.Queries {
		keys := tileKeys(t, i)
		p := t.Scratch[:t.Visible(i)]
		largest := float32(math.Inf(-1))
		for j := range p {
			p[j] = tileScore(t, i, j)
			largest = larger(largest, p[j])
		}
		scale, key := t.Scale*log2E, rowKey(t, i)
		var sums [16]float32
		for j, score := range p {
			e := power(multiplyAdd(score, scale, float32(largest*-scale)))
			sums[j%16] += e
			p[j] = dropped(t, e, key, j)
		}
		sum := addHalves(sums)
		t.LSE[i*t.Heads] = multiplyAdd(largest, t.Scale, logarithm(sum)) + (sum - sum) // NaN where there is no sum
		for c := range t.Size {
			out := tileSum(keys, func(j int) (float32, float32) { return element(p, j), read(t.V, j*t.Width+c) })
			write(t.Out, i*t.Width+c, out*(1/sum))
		}
	}
}

func tileHeadBackward(t *routine.AttentionHeads) {
	dk, dv := t.Scratch[:t.Keys*t.Size], t.Scratch[t.Keys*t.Size:2*t.Keys*t.Size]
	clear(dk)
	clear(dv)
	for first := 0; first < t.Queries; first += routine.AttentionBlock {
		last, keys := min(first+routine.AttentionBlock, t.Queries)-1, tileKeys(t, first)
		p := t.Scratch[2*t.Keys*t.Size:][:routine.AttentionBlock*keys] // [block, keys]
		ds := t.Scratch[2*t.Keys*t.Size+len(p):][:len(p)]
		clear(p)
		clear(ds)
		for i := first; i <= last; i++ {
			tileScoreGradient(t, i, p[(i-first)*keys:], ds[(i-first)*keys:])
			for c := range t.Size {
				sum := tileSum(keys, func(j int) (float32, float32) { return ds[(i-first)*keys+j], read(t.K, j*t.Width+c) })
				writeSum(t.DQ, i*t.Width+c, sum)
			}
		}
		for j := range keys {
			for c := range t.Size {
				tileAdd(&dv[j*t.Size+c], last-first+1, func(i int) (float32, float32) {
					return p[i*keys+j], read(t.DOut, (first+i)*t.Width+c)
				})
				tileAdd(&dk[j*t.Size+c], last-first+1, func(i int) (float32, float32) {
					return ds[i*keys+j], read(t.Q, (first+i)*t.Width+c)
				})
			}
		}
	}
	for j := range t.Keys {
		for c := range t.Size {
			writeSum(t.DK, j*t.Width+c, dk[j*t.Size+c])
			writeSum(t.DV, j*t.Width+c, dv[j*t.Size+c])
		}
	}
}

// tileKeys is the number of keys that the block of query i multiplies: its last query sees one of each TileDepth of them, and
// some query all of them.
func tileKeys(t *routine.AttentionHeads, i int) int {
	last := min(i/routine.AttentionBlock*routine.AttentionBlock+routine.AttentionBlock, t.Queries) - 1
	return min(routine.RoundUp(t.Visible(last), routine.TileDepth), t.Visible(t.Queries-1))
}

func writeSum(y routine.Output, i int, x float32) {
	if y.Accumulate {
		x += read(y.To, i)
	}
	write(y.To, i, x)
}

// element is x[i], or 0 beyond its end.
func element(x []float32, i int) float32 {
	if i >= len(x) {
		return 0
	}
	return x[i]
}

// tileScoreGradient writes the probabilities of a query after dropout, and the gradients of its scores.
func tileScoreGradient(t *routine.AttentionHeads, i int, p, ds []float32) {
	var sums [16]float32
	for c := range t.Size {
		sums[c%16] = multiplyAdd(read(t.DOut, i*t.Width+c), read(t.Out, i*t.Width+c), sums[c%16])
	}
	delta, key := addHalves(sums), rowKey(t, i)
	for j := range t.Visible(i) {
		probability := power(multiplyAdd(tileScore(t, i, j), t.Scale*log2E, float32(t.LSE[i*t.Heads]*-log2E)))
		dp := tileSum(t.Size, func(c int) (float32, float32) { return read(t.DOut, i*t.Width+c), read(t.V, j*t.Width+c) })
		d := float32(probability * t.Scale * (dropped(t, dp, key, j) - delta))
		p[j], ds[j] = dropped(t, probability, key, j), d
		if len(t.DBias) > 0 {
			t.DBias[j-i+t.Centre] += d
		}
	}
}

// tileScore is the score of query i and key j, with its bias, before it is scaled.
func tileScore(t *routine.AttentionHeads, i, j int) float32 {
	score := tileSum(t.Size, func(c int) (float32, float32) { return read(t.Q, i*t.Width+c), read(t.K, j*t.Width+c) })
	if len(t.Bias) > 0 {
		score += t.Bias[j-i+t.Centre]
	}
	return score
}

// tileSum is the sum of n products of factors that are rounded to bfloat16.
func tileSum(n int, factors func(k int) (float32, float32)) float32 {
	var sum float32
	tileAdd(&sum, n, factors)
	return sum
}

// tileAdd adds products to a sum, in units.
func tileAdd(sum *float32, n int, factors func(k int) (float32, float32)) {
	for first := 0; first < n; first += routine.TileDepth {
		var a, b [routine.TileDepth]float32
		for k := range min(routine.TileDepth, n-first) {
			x, y := factors(first + k)
			a[k], b[k] = rounded(x), rounded(y)
		}
		addTile(sum, a[:], 1, b[:], 1)
	}
}

// rounded is the number in bfloat16 nearest to x.
func rounded(x float32) float32 { return routine.FromBFloat16(routine.ToBFloat16(x)) }

func rowKey(t *routine.AttentionHeads, i int) uint64 {
	if t.Rows == nil {
		return 0
	}
	return t.Dropout.RowKey(uint64(t.Rows[i])*uint64(t.Heads) + uint64(t.Head))
}

func dropped(t *routine.AttentionHeads, x float32, key uint64, j int) float32 {
	if t.Rows == nil {
		return x
	}
	return drop(t.Dropout, x, key, j)
}

// addHalves adds up 16 sums.
func addHalves(sums [16]float32) float32 {
	for n := 8; n > 0; n /= 2 {
		for i := range n {
			sums[i] += sums[i+n]
		}
	}
	return sums[0]
}

// larger is b if either is NaN.
func larger(a, b float32) float32 {
	if a > b {
		return a
	}
	return b
}

const log2E = float32(0x1.715476p0)

// power is 2^x within 2 ulp for the x <= 0 of a softmax, 2^-100 below -100.
func power(x float32) float32 {
	const round = float32(0x1.8p23)
	x = larger(-100, x)
	shifted := x + round
	r := x - (shifted - round)
	p := float32(0x1.414ebcp-13)
	for _, c := range []float32{0x1.5f03ecp-10, 0x1.3b2e0cp-7, 0x1.c6af8ap-5, 0x1.ebfbdcp-3, 0x1.62e43p-1, 1} {
		p = multiplyAdd(p, r, c)
	}
	return float32(p * math.Float32frombits(math.Float32bits(shifted)<<23+127<<23))
}

// logarithm is the natural logarithm of normal numbers x >= 1, within 2 ulp.
func logarithm(x float32) float32 {
	bits := int32(math.Float32bits(x))
	n := (bits - 0x3f3504f3) >> 23
	m := math.Float32frombits(uint32(bits - n<<23))
	z := (m - 1) / (m + 1)
	square := float32(z * z)
	p := float32(2.0 / 9)
	for _, c := range []float32{2.0 / 7, 2.0 / 5, 2.0 / 3} {
		p = multiplyAdd(p, square, c)
	}
	p = multiplyAdd(float32(p*square), z, z+z)
	return multiplyAdd(float32(n), 0x1.62e43p-1, multiplyAdd(float32(n), -0x1.05c61p-29, p))
}

// multiplyAdd is a*b + c, rounded once: the sum in float64 is rounded to odd, so that it can be rounded to a float32.
func multiplyAdd(a, b, c float32) float32 {
	x, y := float64(a)*float64(b), float64(c) // the product is exact
	sum := x + y
	y2 := sum - x
	rest := (x - (sum - y2)) + (y - y2) // of what the sum should be
	bits := math.Float64bits(sum)
	if rest != 0 && bits&1 == 0 && !math.IsInf(sum, 0) && sum == sum {
		if (rest > 0) == (sum > 0) {
			bits++
		} else {
			bits--
		}
	}
	return float32(math.Float64frombits(bits))
}
