//go:build cgo

package kernel

// #include "rows.h"
//
// static void norm_forward(int set, int kind, float epsilon, size_t count, size_t width, const float *gamma,
// 		const float *beta, const float *x, const float *residual, const int32_t *rows, float *y, float *sum, float *stats,
// 		uer_dropout d) {
// 	uer_norm_forward n = {count, width, gamma, beta, x, residual, rows, y, sum, stats};
// 	UER_CALL(set, norm_forward, (kind, epsilon, n, d));
// }
// static void norm_backward(int set, int kind, float epsilon, size_t count, size_t width, const float *gamma,
// 		const float *dy, const float *sum, const float *stats, const int32_t *rows, float *dx, float *dresidual,
// 		float *parameters, int accumulate_dx, int accumulate_dresidual, uer_dropout d) {
// 	uer_norm_backward n = {count, width, gamma, dy, sum, stats, rows, dx, dresidual, parameters,
// 		accumulate_dx, accumulate_dresidual};
// 	UER_CALL(set, norm_backward, (kind, epsilon, n, d));
// }
//
// #cgo nocallback norm_forward
// #cgo nocallback norm_backward
import "C"

func nativeNormForward(set nativeSet) func(n Norm, y, sum, stats, x, residual []float32, rows []int32, d Dropout) {
	return func(n Norm, y, sum, stats, x, residual []float32, rows []int32, d Dropout) {
		if sum == nil {
			sum = x
		}
		C.norm_forward(set, C.int(n.Kind), normEpsilon, C.size_t(len(x)/n.Width), C.size_t(n.Width), floats(n.Gamma), floats(n.Beta),
			floats(x), floats(residual), integers(rows), floats(y), floats(sum), floats(stats), d.native())
	}
}

func nativeNormBackward(set nativeSet) func(n Norm, g normGradient, dy, sum, stats []float32, rows []int32, d Dropout) {
	return func(n Norm, g normGradient, dy, sum, stats []float32, rows []int32, d Dropout) {
		C.norm_backward(set, C.int(n.Kind), normEpsilon, C.size_t(len(dy)/n.Width), C.size_t(n.Width), floats(n.Gamma),
			floats(dy), floats(sum), floats(stats), integers(rows), floats(g.dx), floats(g.dresidual), floats(g.parameters),
			flag(g.accumulate[0]), flag(g.accumulate[1]), d.native())
	}
}
