package portable

import (
	"math"

	"uer/internal/kernel/routine"
)

func attentionForward(t routine.AttentionHeads)  { eachHead(&t, headForward) }
func attentionBackward(t routine.AttentionHeads) { eachHead(&t, headBackward) }

// eachHead calls work for every head, which is then the first of t.
func eachHead(t *routine.AttentionHeads, work func(t *routine.AttentionHeads)) {
	for ; t.Count > 0; t.Count-- {
		work(t)
		t.Head++
		for _, x := range []*routine.Array{&t.Q, &t.K, &t.V, &t.Out, &t.DQ.To, &t.DK.To, &t.DV.To, &t.DOut} {
			*x = x.From(t.Size)
		}
		skip(&t.LSE, 1)
		skip(&t.Bias, 2*t.Centre+1)
		skip(&t.DBias, 2*t.Centre+1)
	}
}

// skip cuts off the first n elements, or what there is of them.
func skip(x *[]float32, n int) { *x = (*x)[min(n, len(*x)):] }

func headForward(t *routine.AttentionHeads) {
	for i := range t.Queries {
		p := scores(t, i)
		largest := math.Inf(-1)
		for _, s := range p {
			largest = max(largest, float64(s))
		}
		sum := 0.0
		for j, s := range p {
			e := math.Exp(float64(s) - largest)
			p[j] = float32(e)
			sum += e
		}
		t.LSE[i*t.Heads] = float32(largest + math.Log(sum))

		out := row(t, t.Out.Floats, i)
		clear(out)
		for j, keep := range kept(t, i) {
			addScaled(out, keep*float32(float64(p[j])/sum), row(t, t.V.Floats, j))
		}
	}
}

// With P the probabilities, M what dropout would make of a 1 in their place and δ_i = dout_i·out_i, the gradient of the
// scores is dS_ij = P_ij (M_ij dout_i·v_j - δ_i), since Σ_j P_ij M_ij dout_i·v_j = dout_i·out_i.
func headBackward(t *routine.AttentionHeads) {
	for j := range t.Keys {
		if !t.DK.Accumulate {
			clear(row(t, t.DK.To.Floats, j))
		}
		if !t.DV.Accumulate {
			clear(row(t, t.DV.To.Floats, j))
		}
	}
	for i := range t.Queries {
		q, dq, dout := row(t, t.Q.Floats, i), row(t, t.DQ.To.Floats, i), row(t, t.DOut.Floats, i)
		if !t.DQ.Accumulate {
			clear(dq)
		}
		p, delta := scores(t, i), dot(dout, row(t, t.Out.Floats, i))
		for j, keep := range kept(t, i) {
			probability := float32(math.Exp(float64(p[j] - t.LSE[i*t.Heads])))
			ds := t.Scale * probability * (keep*dot(dout, row(t, t.V.Floats, j)) - delta)
			addScaled(row(t, t.DV.To.Floats, j), keep*probability, dout)
			addScaled(row(t, t.DK.To.Floats, j), ds, q)
			addScaled(dq, ds, row(t, t.K.Floats, j))
			if len(t.DBias) > 0 {
				t.DBias[j-i+t.Centre] += ds
			}
		}
	}
}

// row is token i of a matrix of the head.
func row(t *routine.AttentionHeads, x []float32, i int) []float32 {
	return x[i*t.Width : i*t.Width+t.Size]
}

// scores are those of query i with the keys that it sees, in scratch memory.
func scores(t *routine.AttentionHeads, i int) []float32 {
	s := t.Scratch[:t.Visible(i)]
	for j := range s {
		s[j] = dot(row(t, t.Q.Floats, i), row(t, t.K.Floats, j))
		if len(t.Bias) > 0 {
			s[j] += t.Bias[j-i+t.Centre]
		}
		s[j] *= t.Scale
	}
	return s
}

// kept is, for every key that query i sees, what dropout would make of a 1 in place of its probability.
func kept(t *routine.AttentionHeads, i int) []float32 {
	n := t.Visible(i)
	factors := t.Scratch[n : 2*n]
	for j := range factors {
		factors[j] = 1
	}
	if t.Rows == nil {
		return factors
	}
	key := t.Dropout.RowKey(uint64(t.Rows[i])*uint64(t.Heads) + uint64(t.Head))
	for j := range factors {
		factors[j] = drop(t.Dropout, 1, key, j)
	}
	return factors
}

func dot(a, b []float32) float32 {
	sum := 0.0
	for i, x := range a {
		sum += float64(x) * float64(b[i])
	}
	return float32(sum)
}

// addScaled adds s*x to y.
func addScaled(y []float32, s float32, x []float32) {
	for i := range y {
		y[i] += s * x[i]
	}
}
