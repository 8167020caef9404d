//go:build cgo

package kernel

// #include "rows.h"
//
// static void factored_sums(int set, size_t count, size_t rows, size_t width, const float *gradient, float *row, float *column) {
// 	UER_CALL(set, factored_sums, ((uer_factors){count, rows, width, gradient, row, column}));
// }
// static double factored_squares(int set, size_t count, size_t rows, size_t width, const float *gradient, float *row,
// 		float *column) {
// 	return UER_CALL(set, factored_squares, ((uer_factors){count, rows, width, gradient, row, column}));
// }
// static void factored_update(int set, size_t count, size_t rows, size_t width, const float *gradient, float *row,
// 		float *column, float *parameters, float rate, float decay) {
// 	UER_CALL(set, factored_update, ((uer_factors){count, rows, width, gradient, row, column}, parameters, rate, decay));
// }
//
// #cgo nocallback factored_sums
// #cgo nocallback factored_squares
// #cgo nocallback factored_update
import "C"

func nativeFactoredSums(set nativeSet) func(f factors) {
	return func(f factors) {
		C.factored_sums(set, C.size_t(f.count), C.size_t(f.rows), C.size_t(f.width), floats(f.gradient), floats(f.row), floats(f.column))
	}
}

func nativeFactoredSquares(set nativeSet) func(f factors) float64 {
	return func(f factors) float64 {
		return float64(C.factored_squares(set, C.size_t(f.count), C.size_t(f.rows), C.size_t(f.width), floats(f.gradient),
			floats(f.row), floats(f.column)))
	}
}

func nativeFactoredUpdate(set nativeSet) func(f factors, parameters []float32, rate, decay float32) {
	return func(f factors, parameters []float32, rate, decay float32) {
		C.factored_update(set, C.size_t(f.count), C.size_t(f.rows), C.size_t(f.width), floats(f.gradient), floats(f.row),
			floats(f.column), floats(parameters), C.float(rate), C.float(decay))
	}
}
