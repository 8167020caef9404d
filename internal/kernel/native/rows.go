//go:build cgo

package native

// #include "call.h"
import "C"

import "uer/internal/kernel/routine"

// fillRows puts the routines that work on rows or elements, whatever their number.
func fillRows(s *C.struct_set, t *routine.Table) {
	put(&t.ActivationBackward, s.activation_backward, func(a routine.ActivationBackward) {
		C.call_activation_backward(s, C.struct_activation_backward{
			activation: C.int(a.Activation), dx: array(a.DX), dy: array(a.DY), x: array(a.X), n: C.size_t(a.X.Len()),
		})
	})
	put(&t.GatedForward, s.gated_forward, func(a routine.GatedForward) {
		C.call_gated_forward(s, C.struct_gated_forward{
			activation: C.int(a.Activation), y: array(a.Y), gate: array(a.Gate), x: array(a.X), n: C.size_t(a.X.Len()),
		})
	})
	put(&t.GatedBackward, s.gated_backward, func(a routine.GatedBackward) {
		C.call_gated_backward(s, C.struct_gated_backward{
			activation: C.int(a.Activation), dgate: array(a.DGate), dx: array(a.DX), dy: array(a.DY), gate: array(a.Gate),
			x: array(a.X), n: C.size_t(a.X.Len()),
		})
	})
	put(&t.DropoutAdd, s.dropout_add, func(a routine.DropoutAdd) {
		C.call_dropout_add(s, C.struct_dropout_add{
			y: array(a.Y), x: array(a.X), residual: array(a.Residual), count: C.size_t(a.X.Len() / a.Width), width: C.size_t(a.Width),
			rows: integers(a.Rows), dropout: dropout(a.Dropout),
		})
	})
	put(&t.NormForward, s.norm_forward, func(n routine.NormForward) { C.call_norm_forward(s, normForward(&n)) })
	put(&t.NormBackward, s.norm_backward, func(n routine.NormBackward) { C.call_norm_backward(s, normBackward(&n)) })
	put(&t.EmbeddingForward, s.embedding_forward, func(a routine.EmbeddingForward) {
		C.call_embedding_forward(s, C.struct_embedding_forward{
			out: floats(a.Out), table: floats(a.Table), width: C.size_t(a.Width), ids: integers(a.IDs), n: C.size_t(len(a.IDs)),
			scale: C.float(a.Scale), accumulate: flag(a.Accumulate),
		})
	})
	put(&t.EmbeddingBackward, s.embedding_backward, func(a routine.EmbeddingBackward) {
		C.call_embedding_backward(s, C.struct_embedding_backward{
			dtable: floats(a.DTable), width: C.size_t(a.Width), ids: integers(a.IDs), n: C.size_t(len(a.IDs)), dout: floats(a.DOut),
			stride: C.size_t(a.Stride), scale: C.float(a.Scale), columns: C.size_t(a.Columns),
		})
	})
	put(&t.CrossEntropy, s.cross_entropy, func(t routine.CrossEntropy) {
		n := len(t.Labels)
		C.call_cross_entropy(s, C.struct_cross_entropy{
			rows: C.size_t(n), classes: C.size_t(len(t.Logits) / n), logits: floats(t.Logits), labels: integers(t.Labels),
			scale: C.float(t.Scale), dbias: floats(t.DBias), results: floats(t.Results),
		})
	})
	fillSums(s, t)
}

// fillSums puts the smallest loops.
func fillSums(s *C.struct_set, t *routine.Table) {
	put(&t.Widen, s.widen, func(w routine.Widen) {
		C.call_widen(s, C.struct_widen{
			to: floats(w.To), x: halves(w.X), rows: C.size_t(w.Rows), width: C.size_t(w.Width),
			to_stride: C.size_t(w.ToStride), stride: C.size_t(w.Stride),
		})
	})
	put(&t.Narrow, s.narrow, func(n routine.Narrow) {
		C.call_narrow(s, C.struct_narrow{
			to: halves(n.To), x: floats(n.X), rows: C.size_t(n.Rows), width: C.size_t(n.Width),
			to_stride: C.size_t(n.ToStride), stride: C.size_t(n.Stride), accumulate: flag(n.Accumulate),
		})
	})
	put(&t.Add, s.add, func(a routine.Add) {
		C.call_add(s, C.struct_add{out: floats(a.Out), a: floats(a.A), b: floats(a.B), n: length(a.Out)})
	})
	put(&t.Scale, s.scale, func(a routine.Scale) {
		C.call_scale(s, C.struct_scale{
			out: floats(a.Out), x: floats(a.X), n: length(a.X), factor: C.float(a.Factor), accumulate: flag(a.Accumulate),
		})
	})
	put(&t.ColumnSum, s.column_sum, func(a routine.ColumnSum) {
		C.call_column_sum(s, C.struct_column_sum{
			out: floats(a.Out), width: length(a.Out), x: array(a.X), rows: C.size_t(routine.CeilDivide(a.X.Len(), a.Stride)),
			stride: C.size_t(a.Stride), accumulate: flag(a.Accumulate),
		})
	})
	put(&t.SumSquares, s.sum_squares, func(x []float32) float64 {
		return float64(C.call_sum_squares(s, C.struct_elements{x: floats(x), n: length(x)}))
	})
	put(&t.AllFinite, s.all_finite, func(x []float32) bool {
		return C.call_all_finite(s, C.struct_elements{x: floats(x), n: length(x)}) != 0
	})
}

func normForward(n *routine.NormForward) C.struct_norm_forward {
	sum := n.Sum
	if !sum.Present() {
		sum = n.X
	}
	return C.struct_norm_forward{
		kind: C.int(n.Kind), epsilon: C.float(n.Epsilon), count: C.size_t(n.X.Len() / n.Width), width: C.size_t(n.Width),
		gamma: floats(n.Gamma), beta: floats(n.Beta), y: array(n.Y), sum: array(sum), stats: floats(n.Stats),
		x: array(n.X), residual: array(n.Residual), rows: integers(n.Rows), dropout: dropout(n.Dropout),
	}
}

func normBackward(n *routine.NormBackward) C.struct_norm_backward {
	return C.struct_norm_backward{
		kind: C.int(n.Kind), epsilon: C.float(n.Epsilon), count: C.size_t(n.DY.Len() / n.Width), width: C.size_t(n.Width),
		gamma: floats(n.Gamma), dx: output(n.DX), dresidual: output(n.DResidual), dparameters: floats(n.DParameters),
		dy: array(n.DY), sum: array(n.Sum), stats: floats(n.Stats), rows: integers(n.Rows), dropout: dropout(n.Dropout),
	}
}
