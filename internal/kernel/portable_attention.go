package kernel

import "math"

var portableAttention = attentionRoutines{
	forward:  func(t *attentionHeads) { t.each(portableAttentionForward) },
	backward: func(t *attentionHeads) { t.each(portableAttentionBackward) },
}

// each calls work for every head, which is then the first of t.
func (t *attentionHeads) each(work func(t *attentionHeads)) {
	for ; t.count > 0; t.count-- {
		work(t)
		t.head++
		for _, x := range []*[]float32{&t.q, &t.k, &t.v, &t.out, &t.dq, &t.dk, &t.dv, &t.dout} {
			*x = (*x)[min(t.size, len(*x)):]
		}
		t.lse = t.lse[min(1, len(t.lse)):]
		t.bias, t.dbias = t.bias[min(2*t.centre+1, len(t.bias)):], t.dbias[min(2*t.centre+1, len(t.dbias)):]
	}
}

func portableAttentionForward(t *attentionHeads) {
	for i := range t.queries {
		p := t.scores(i)
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
		t.lse[i*t.heads] = float32(largest + math.Log(sum))

		out := t.row(t.out, i)
		clear(out)
		for j, keep := range t.kept(i) {
			addScaled(out, keep*float32(float64(p[j])/sum), t.row(t.v, j))
		}
	}
}

// With P the probabilities, M what dropout makes of a one in their place and δ_i = dout_i·out_i, the gradient of the
// scores is dS_ij = P_ij (M_ij dout_i·v_j - δ_i), since Σ_j P_ij M_ij dout_i·v_j = dout_i·out_i.
func portableAttentionBackward(t *attentionHeads) {
	for j := range t.keys {
		if !t.accumulate[1] {
			clear(t.row(t.dk, j))
		}
		if !t.accumulate[2] {
			clear(t.row(t.dv, j))
		}
	}
	for i := range t.queries {
		q, dq, dout := t.row(t.q, i), t.row(t.dq, i), t.row(t.dout, i)
		if !t.accumulate[0] {
			clear(dq)
		}
		p, delta := t.scores(i), dot(dout, t.row(t.out, i))
		for j, keep := range t.kept(i) {
			probability := float32(math.Exp(float64(p[j] - t.lse[i*t.heads])))
			ds := t.scale * probability * (keep*dot(dout, t.row(t.v, j)) - delta)
			addScaled(t.row(t.dv, j), keep*probability, dout)
			addScaled(t.row(t.dk, j), ds, q)
			addScaled(dq, ds, t.row(t.k, j))
			if len(t.dbias) > 0 {
				t.dbias[j-i+t.centre] += ds
			}
		}
	}
}

// row cuts token i out of a matrix of the head.
func (t *attentionHeads) row(x []float32, i int) []float32 {
	return x[i*t.width : i*t.width+t.size]
}

// scores are those of query i with the keys that it sees, in scratch memory.
func (t *attentionHeads) scores(i int) []float32 {
	s := t.scratch[:t.visible(i)]
	for j := range s {
		s[j] = dot(t.row(t.q, i), t.row(t.k, j))
		if len(t.bias) > 0 {
			s[j] += t.bias[j-i+t.centre]
		}
		s[j] *= t.scale
	}
	return s
}

// kept says, for every key that query i sees, what dropout makes of a one in the place of its probability.
func (t *attentionHeads) kept(i int) []float32 {
	n := t.visible(i)
	factors := t.scratch[n : 2*n]
	for j := range factors {
		factors[j] = 1
	}
	if t.rows == nil {
		return factors
	}
	key := t.dropout.rowKey(uint64(t.rows[i])*uint64(t.heads) + uint64(t.head))
	for j := range factors {
		factors[j] = t.dropout.scale()
		if dropoutHash(key, uint32(j)) < t.dropout.threshold() {
			factors[j] = 0
		}
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
