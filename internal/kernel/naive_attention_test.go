package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// naiveAttention is attention as UER-py defines it, in float64: operands padded to [sequences, heads, length, size],
// hidden keys by -10000 on their scores.
type naiveAttention struct {
	*attentionRun
	sequences, length, keyLength int
	q, k, v, dout                []float64 // [sequences, heads, length or keyLength, size]
	bias                         []float64 // [heads, 2*MaxLength-1]
	outputs                      map[string][]float64
}

func newNaiveAttention(r *attentionRun) *naiveAttention {
	n := &naiveAttention{attentionRun: r, sequences: len(r.Starts) - 1}
	for s := range n.sequences {
		n.length = max(n.length, int(r.Starts[s+1]-r.Starts[s]))
		n.keyLength = max(n.keyLength, int(r.keyStarts()[s+1]-r.keyStarts()[s]))
	}
	n.q, n.dout = n.pad(r.Q.Floats, r.Starts, n.length), n.pad(r.DOut.Floats, r.Starts, n.length)
	n.k, n.v = n.pad(r.K.Floats, r.keyStarts(), n.keyLength), n.pad(r.V.Floats, r.keyStarts(), n.keyLength)
	n.bias = make([]float64, r.Heads*(2*r.MaxLength-1))
	for i, x := range r.PositionBias {
		n.bias[i] = float64(x)
	}
	return n
}

func (n *naiveAttention) pad(x []float32, starts []int32, length int) []float64 {
	y := make([]float64, n.sequences*n.Heads*length*n.Size)
	for s := range n.sequences {
		for i := range int(starts[s+1] - starts[s]) {
			for h := range n.Heads {
				for c := range n.Size {
					y[((s*n.Heads+h)*length+i)*n.Size+c] = float64(x[((int(starts[s])+i)*n.Heads+h)*n.Size+c])
				}
			}
		}
	}
	return y
}

func (n *naiveAttention) unpad(x []float64, starts []int32, length, size int) []float64 {
	var y []float64
	for s := range n.sequences {
		for i := range int(starts[s+1] - starts[s]) {
			for h := range n.Heads {
				at := ((s*n.Heads+h)*length + i) * size
				y = append(y, x[at:at+size]...)
			}
		}
	}
	return y
}

func (n *naiveAttention) mask(s, i, j int) float64 {
	keys := int(n.keyStarts()[s+1] - n.keyStarts()[s])
	real := j < keys && (n.Lengths == nil || n.Lengths[s] == 0 || j < int(n.Lengths[s]))
	visible := real
	if n.Causal && n.Prefix == nil {
		visible = j <= i
	} else if n.Causal {
		visible = real && j <= i || j < int(n.Prefix[s])
	}
	if visible {
		return 0
	}
	return -10000
}

func (n *naiveAttention) kept(s, h, i, j int) float64 {
	if n.Dropout.Probability == 0 || i >= int(n.Starts[s+1]-n.Starts[s]) {
		return 1
	}
	row := n.Rows[int(n.Starts[s])+i]
	if n.Dropout.Drops(n.Dropout.RowKey(uint64(int(row)*n.Heads+h)), j) {
		return 0
	}
	return 1 / (1 - float64(n.Dropout.Probability))
}

// run computes every output.
func (n *naiveAttention) run() {
	out, lse := make([]float64, len(n.q)), make([]float64, len(n.q)/n.Size)
	dq, dk, dv, dbias := make([]float64, len(n.q)), make([]float64, len(n.k)), make([]float64, len(n.k)), make([]float64, len(n.bias))
	for s := range n.sequences {
		for h := range n.Heads {
			for i := range n.length {
				n.query(s, h, i, out, lse, dq, dk, dv, dbias)
			}
		}
	}
	if n.DPositionBias.To.Floats == nil {
		dbias = nil
	}
	n.outputs = map[string][]float64{
		"out": n.unpad(out, n.Starts, n.length, n.Size), "lse": n.unpad(lse, n.Starts, n.length, 1), "dbias": dbias,
		"dq": n.unpad(dq, n.Starts, n.length, n.Size),
		"dk": n.unpad(dk, n.keyStarts(), n.keyLength, n.Size), "dv": n.unpad(dv, n.keyStarts(), n.keyLength, n.Size),
	}
}

func (n *naiveAttention) query(s, h, i int, out, lse, dq, dk, dv, dbias []float64) {
	at := (s*n.Heads+h)*n.length + i
	row := func(x []float64) []float64 { return x[at*n.Size : (at+1)*n.Size] }
	key := func(x []float64, j int) []float64 { return x[((s*n.Heads+h)*n.keyLength+j)*n.Size:][:n.Size] }
	offset := func(j int) int { return h*(2*n.MaxLength-1) + j - i + n.MaxLength - 1 }

	p := make([]float64, n.keyLength)
	largest, sum := math.Inf(-1), 0.0
	for j := range p {
		for c, q := range row(n.q) {
			p[j] += q * key(n.k, j)[c]
		}
		p[j] = (p[j]+n.bias[offset(j)])*float64(n.Scale) + n.mask(s, i, j)
		largest = max(largest, p[j])
	}
	for j := range p {
		p[j] = math.Exp(p[j] - largest)
		sum += p[j]
	}
	lse[at] = largest + math.Log(sum)

	dp, mean := make([]float64, n.keyLength), 0.0
	for j := range p {
		p[j] /= sum
		for c, d := range row(n.dout) {
			row(out)[c] += p[j] * n.kept(s, h, i, j) * key(n.v, j)[c]
			key(dv, j)[c] += p[j] * n.kept(s, h, i, j) * d
			dp[j] += n.kept(s, h, i, j) * d * key(n.v, j)[c]
		}
		mean += p[j] * dp[j]
	}
	for j := range p {
		ds := p[j] * (dp[j] - mean) * float64(n.Scale)
		dbias[offset(j)] += ds
		for c := range n.Size {
			row(dq)[c] += ds * key(n.k, j)[c]
			key(dk, j)[c] += ds * row(n.q)[c]
		}
	}
}

// loss is Σ dout·out of the real tokens, whose gradients are the outputs of the backward pass.
func (n *naiveAttention) loss() float64 {
	n.run()
	sum := 0.0
	for i, x := range n.outputs["out"] {
		sum += x * float64(n.DOut.Floats[i])
	}
	return sum
}

// The reference itself is held to finite differences.
func TestNaiveAttentionGradients(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, c := range []attentionCase{
		{name: "plain", heads: 2, size: 3, lengths: []int32{4, 1, 5}},
		{name: "all", heads: 2, size: 3, lengths: []int32{4, 1, 5}, dropout: 0.3, bias: true, causal: true, prefix: []int32{2, 1, 3}},
		{name: "padding", heads: 1, size: 3, lengths: []int32{4, 4, 4}, visible: []int32{2, 4, 0}},
	} {
		n := newNaiveAttention(newAttentionRun(c))
		n.run()
		gradients := map[string][]float64{
			"dq": n.pad(narrow(n.outputs["dq"]), n.Starts, n.length), "dbias": n.outputs["dbias"],
			"dk": n.pad(narrow(n.outputs["dk"]), n.Starts, n.length), "dv": n.pad(narrow(n.outputs["dv"]), n.Starts, n.length),
		}
		for name, x := range map[string][]float64{"dq": n.q, "dk": n.k, "dv": n.v, "dbias": n.bias} {
			for range 10 {
				if i := rng.IntN(len(x)); gradients[name] != nil {
					requireSlope(t, c.name+": "+name, n.loss, &x[i], gradients[name][i])
				}
			}
		}
	}
}

// requireSlope fails if a gradient is not what the loss changes by around x.
func requireSlope(t testing.TB, name string, loss func() float64, x *float64, gradient float64) {
	t.Helper()
	const step = 1e-4
	before := *x
	*x = before + step
	up := loss()
	*x = before - step
	down := loss()
	*x = before
	if slope := (up - down) / (2 * step); math.Abs(slope-gradient) > 1e-5*max(1, math.Abs(gradient)) {
		t.Errorf("%s: gradient %v, finite difference %v", name, gradient, slope)
	}
}

func narrow(x []float64) []float32 {
	y := make([]float32, len(x))
	for i, v := range x {
		y[i] = float32(v)
	}
	return y
}
