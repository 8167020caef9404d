package cpu

import (
	"uer/internal/graph"
	"uer/internal/op"
)

// work is the number of floating-point operations of the matrix products that an operation means, on the operands that it
// has now: two for a multiplication and its addition. What an implementation repeats, such as the scores of attention in
// the backward pass, does not count; nor does what grows with the operands only, such as normalisation.
func work(o graph.Op, in, out []graph.Buffer) int64 {
	switch o := o.(type) {
	case op.Linear:
		return 2 * rowCount(in[0]) * elements(in[1])
	case op.LinearGradient:
		return wanted(out[:2]) * 2 * rowCount(in[0]) * elements(in[1])
	case op.Attention:
		return 2 * 2 * pairs(o, in) * rowWidth(in[0])
	case op.AttentionGradient:
		return 4 * 2 * pairs(op.Attention(o), in[3:]) * rowWidth(in[3])
	case op.Recurrent:
		return 2 * rowCount(in[0]) * int64(o.Directions) * (elements(in[1]) + elements(in[2]))
	case op.RecurrentGradient:
		return 2 * rowCount(in[3]) * int64(o.Directions) * ((1+wanted(out[:1]))*elements(in[4]) + 2*elements(in[5]))
	case op.GatedConvolution:
		return 2 * rowCount(in[0]) * (elements(in[1]) + elements(in[4]))
	case op.GatedConvolutionGradient:
		return (1 + wanted(out[:1])) * 2 * rowCount(in[2]) * (elements(in[3]) + elements(in[6]))
	case op.CrossEntropy:
		return 3 * 2 * rowCount(in[0]) * elements(in[1])
	}
	return 0
}

// pairs is the number of queries and keys that see each other. The inputs are those of op.Attention.
func pairs(o op.Attention, in []graph.Buffer) int64 {
	a := attention(&Run{}, o, in)
	keyStarts := a.KeyStarts
	if keyStarts == nil {
		keyStarts = a.Starts
	}
	var n int64
	for s := range len(a.Starts) - 1 {
		queries, keys := int64(a.Starts[s+1]-a.Starts[s]), int64(keyStarts[s+1]-keyStarts[s])
		if !a.Causal {
			n += queries * keys
			continue
		}
		var prefix int64
		if a.Prefix != nil {
			prefix = min(int64(a.Prefix[s]), keys)
		}
		// Query i sees max(prefix, i+1) keys.
		n += prefix*prefix + (keys*(keys+1)-prefix*(prefix+1))/2
	}
	return n
}

func rowCount(b graph.Buffer) int64 { return int64(b.Shape[0]) }
func rowWidth(b graph.Buffer) int64 { return int64(b.Shape[1]) }
func elements(b graph.Buffer) int64 { return int64(b.Shape.Elements()) }

func wanted(out []graph.Buffer) int64 {
	var n int64
	for _, b := range out {
		if b.Wanted() {
			n++
		}
	}
	return n
}
