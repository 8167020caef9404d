//go:build cgo

package kernel

// #include "rows.h"
//
// static void activation_forward(int set, int kind, float *y, const float *x, size_t n) {
// 	UER_CALL(set, activation_forward, (kind, y, x, n));
// }
// static void activation_backward(int set, int kind, float *dx, const float *dy, const float *x, size_t n) {
// 	UER_CALL(set, activation_backward, (kind, dx, dy, x, n));
// }
// static void gated_forward(int set, int kind, float *y, const float *gate, const float *x, size_t n) {
// 	UER_CALL(set, gated_forward, (kind, y, gate, x, n));
// }
// static void gated_backward(int set, int kind, float *dgate, float *dx, const float *dy, const float *gate,
// 		const float *x, size_t n) {
// 	UER_CALL(set, gated_backward, (kind, dgate, dx, dy, gate, x, n));
// }
// static void dropout(int set, float *y, const float *x, const float *residual, size_t count, size_t width,
// 		const int32_t *rows, uer_dropout d) {
// 	UER_CALL(set, dropout, (y, x, residual, count, width, rows, d));
// }
// static void gather(int set, float *out, const float *table, size_t width, const int32_t *ids, size_t n, float scale,
// 		int accumulate) {
// 	UER_CALL(set, gather, (out, table, width, ids, n, scale, accumulate));
// }
// static void scatter(int set, float *table, size_t width, const int32_t *ids, size_t n, const float *x, float scale,
// 		size_t first, size_t last) {
// 	UER_CALL(set, scatter, (table, width, ids, n, x, scale, first, last));
// }
// static void column_sum(int set, float *out, size_t width, const float *x, size_t rows, size_t stride, int accumulate) {
// 	UER_CALL(set, column_sum, (out, width, x, rows, stride, accumulate));
// }
// static void add(int set, float *out, const float *a, const float *b, size_t n) { UER_CALL(set, add, (out, a, b, n)); }
// static void scale(int set, float *out, const float *x, size_t n, float factor, int accumulate) {
// 	UER_CALL(set, scale, (out, x, n, factor, accumulate));
// }
// static double sum_squares(int set, const float *x, size_t n) { return UER_CALL(set, sum_squares, (x, n)); }
// static int all_finite(int set, const float *x, size_t n) { return UER_CALL(set, all_finite, (x, n)); }
// static void cross_entropy(int set, size_t rows, size_t classes, float *logits, float *dbias, float *results,
// 		const int32_t *labels, float scale) {
// 	uer_cross_entropy t = {rows, classes, logits, dbias, results, labels, scale};
// 	UER_CALL(set, cross_entropy, (t));
// }
// static void adamw(int set, uer_adamw a, float *parameters, const float *gradients, float *first, float *second, size_t n) {
// 	UER_CALL(set, adamw, (a, parameters, gradients, first, second, n));
// }
//
// #cgo nocallback activation_forward
// #cgo nocallback activation_backward
// #cgo nocallback gated_forward
// #cgo nocallback gated_backward
// #cgo nocallback dropout
// #cgo nocallback gather
// #cgo nocallback scatter
// #cgo nocallback column_sum
// #cgo nocallback add
// #cgo nocallback scale
// #cgo nocallback sum_squares
// #cgo nocallback all_finite
// #cgo nocallback cross_entropy
// #cgo nocallback adamw
import "C"

import "unsafe"

// floats and integers are the C pointers to slices; those of nil are NULL.
func floats(x []float32) *C.float   { return (*C.float)(unsafe.SliceData(x)) }
func integers(x []int32) *C.int32_t { return (*C.int32_t)(unsafe.SliceData(x)) }
func length(x []float32) C.size_t   { return C.size_t(len(x)) }

func flag(b bool) C.int {
	if b {
		return 1
	}
	return 0
}

// native is the dropout as C takes it, its factors computed once a tile.
func (d Dropout) native() C.uer_dropout {
	if d.Probability <= 0 {
		return C.uer_dropout{}
	}
	return C.uer_dropout{key: C.uint64_t(d.Key), threshold: C.uint32_t(d.threshold()), scale: C.float(d.scale())}
}

func nativeRows(set nativeSet) rowRoutines {
	return rowRoutines{
		activationForward: func(a Activation, y, x []float32) {
			C.activation_forward(set, C.int(a), floats(y), floats(x), length(x))
		},
		activationBackward: func(a Activation, dx, dy, x []float32) {
			C.activation_backward(set, C.int(a), floats(dx), floats(dy), floats(x), length(x))
		},
		gatedForward: func(a Activation, y, gate, x []float32) {
			C.gated_forward(set, C.int(a), floats(y), floats(gate), floats(x), length(x))
		},
		gatedBackward: func(a Activation, dgate, dx, dy, gate, x []float32) {
			C.gated_backward(set, C.int(a), floats(dgate), floats(dx), floats(dy), floats(gate), floats(x), length(x))
		},
		dropout: func(y, x, residual []float32, width int, rows []int32, d Dropout) {
			C.dropout(set, floats(y), floats(x), floats(residual), C.size_t(len(x)/width), C.size_t(width), integers(rows), d.native())
		},
		normForward:  nativeNormForward(set),
		normBackward: nativeNormBackward(set),
		gather: func(out, table []float32, width int, ids []int32, scale float32, accumulate bool) {
			C.gather(set, floats(out), floats(table), C.size_t(width), integers(ids), C.size_t(len(ids)), C.float(scale), flag(accumulate))
		},
		scatter: func(table []float32, width int, ids []int32, x []float32, scale float32, first, last int) {
			C.scatter(set, floats(table), C.size_t(width), integers(ids), C.size_t(len(ids)), floats(x), C.float(scale),
				C.size_t(first), C.size_t(last))
		},
		columnSum: func(out, x []float32, stride int, accumulate bool) {
			rows := (len(x) + stride - 1) / stride
			C.column_sum(set, floats(out), length(out), floats(x), C.size_t(rows), C.size_t(stride), flag(accumulate))
		},
		add: func(out, a, b []float32) { C.add(set, floats(out), floats(a), floats(b), length(out)) },
		scale: func(out, x []float32, scale float32, accumulate bool) {
			C.scale(set, floats(out), floats(x), length(x), C.float(scale), flag(accumulate))
		},
		sumSquares: func(x []float32) float64 { return float64(C.sum_squares(set, floats(x), length(x))) },
		allFinite:  func(x []float32) bool { return C.all_finite(set, floats(x), length(x)) != 0 },
		crossEntropy: func(t crossEntropyTile) {
			n := len(t.labels)
			C.cross_entropy(set, C.size_t(n), C.size_t(len(t.logits)/n), floats(t.logits), floats(t.dbias), floats(t.results),
				integers(t.labels), C.float(t.scale))
		},
		adamW: func(a AdamW, parameters, gradients, first, second []float32) {
			C.adamw(set, a.native(), floats(parameters), floats(gradients), floats(first), floats(second), length(parameters))
		},
		factoredSums:    nativeFactoredSums(set),
		factoredSquares: nativeFactoredSquares(set),
		factoredUpdate:  nativeFactoredUpdate(set),
	}
}

func (a AdamW) native() C.uer_adamw {
	return C.uer_adamw{
		rate:           C.float(a.Rate),
		beta1:          C.float(a.Beta1),
		rest1:          C.float(1 - a.Beta1),
		beta2:          C.float(a.Beta2),
		rest2:          C.float(1 - a.Beta2),
		epsilon:        C.float(a.Epsilon),
		decay:          C.float(a.Rate * a.WeightDecay),
		gradient_scale: C.float(a.GradientScale),
	}
}
