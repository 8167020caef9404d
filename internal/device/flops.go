package device

import (
	"uer/internal/graph"
	"uer/internal/op"
)

// Operand is what FLOPs and Traffic need to know about an operand.
type Operand struct {
	Shape        graph.Shape // in this run; nil for an output that nothing reads
	Integers     []int32     // the data of an input
	ElementBytes int         // that one element takes
}

// FLOPs returns the number of floating-point operations in the matrix products of an operation, two for each multiplication
// and its addition. What an implementation computes twice, such as the scores of attention in the backward pass, counts
// once. Work that is linear in the size of the operands, such as normalisation, does not count.
func FLOPs(o graph.Op, in, out []Operand) int64 {
	switch o := o.(type) {
	case op.Linear:
		return 2 * rowCount(in[0]) * elements(in[1])
	case op.LinearGradient:
		return wanted(out[:2]) * 2 * rowCount(in[0]) * elements(in[1])
	case op.Attention:
		return 2 * 2 * pairs(o, in) * rowWidth(in[0])
	case op.AttentionGradient:
		return 4 * 2 * pairs(op.Attention(o), in[op.AttentionSaved:]) * rowWidth(in[op.AttentionSaved])
	case op.Recurrent:
		return 2 * rowCount(in[0]) * int64(o.Directions) * (elements(in[1]) + elements(in[2]))
	case op.RecurrentGradient:
		return 2 * rowCount(in[3]) * int64(o.Directions) * ((1+wanted(out[:1]))*elements(in[4]) + 2*elements(in[5]))
	case op.GatedConvolution:
		return 2 * rowCount(in[0]) * (elements(in[1]) + elements(in[4]))
	case op.GatedConvolutionGradient:
		return (1 + wanted(out[:1])) * 2 * rowCount(in[2]) * (elements(in[3]) + elements(in[6]))
	case op.Muon:
		rows, columns := int64(in[0].Shape[0]), int64(in[0].Shape[1])
		side := min(rows, columns)
		return op.MuonSteps * 2 * side * side * (2*max(rows, columns) + side)
	case op.CrossEntropy:
		return 3 * 2 * rowCount(in[0]) * elements(in[1])
	}
	return 0
}

// pairs returns the number of pairs of a query and a key that it sees. The inputs are those of op.Attention.
func pairs(o op.Attention, in []Operand) int64 {
	a := op.AttentionInputsOf(o, in)
	starts, keyStarts := a.Starts.Integers, a.Starts.Integers
	if o.Cross {
		keyStarts = a.KeyStarts.Integers
	}
	var n int64
	for s := range len(starts) - 1 {
		queries, keys := int64(starts[s+1]-starts[s]), int64(keyStarts[s+1]-keyStarts[s])
		if !o.Causal {
			n += queries * keys
			continue
		}
		var prefix int64
		if o.Prefix {
			prefix = min(int64(a.Prefix.Integers[s]), keys)
		}
		// Query i sees max(prefix, i+1) keys.
		n += prefix*prefix + (keys*(keys+1)-prefix*(prefix+1))/2
	}
	return n
}

func rowCount(o Operand) int64 { return int64(o.Shape[0]) }
func rowWidth(o Operand) int64 { return int64(o.Shape[1]) }
func elements(o Operand) int64 { return int64(o.Shape.Elements()) }

// wanted returns the number of outputs that anything reads.
func wanted(out []Operand) int64 {
	var n int64
	for _, o := range out {
		if o.Shape != nil {
			n++
		}
	}
	return n
}
