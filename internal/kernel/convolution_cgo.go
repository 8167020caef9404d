//go:build cgo

package kernel

// #include "convolution.h"
//
// static void windows(int set, float *to, const float *x, size_t width, size_t row, size_t rows, size_t taps, size_t channels) {
// 	UER_CALL(set, windows, (to, x, width, row, rows, taps, channels));
// }
// static void split_taps(int set, float *to, size_t tap_stride, const float *weights, size_t leading, size_t rows, size_t taps,
// 		size_t channels) {
// 	UER_CALL(set, split_taps, (to, tap_stride, weights, leading, rows, taps, channels));
// }
//
// #cgo noescape windows
// #cgo nocallback windows
// #cgo noescape split_taps
// #cgo nocallback split_taps
import "C"

func nativeConvolution(set nativeSet) convolutionRoutines {
	return convolutionRoutines{
		windows: func(to, x []float32, width, row, rows, taps, channels int) {
			to, x = to[:rows*taps*channels], x[:(row+rows-1)*width+channels]
			C.windows(set, floats(to), floats(x), C.size_t(width), C.size_t(row), C.size_t(rows), C.size_t(taps), C.size_t(channels))
		},
		splitTaps: func(to []float32, tapStride int, weights []float32, leading, rows, taps, channels int) {
			to, weights = to[:(taps-1)*tapStride+rows*channels], weights[:(rows-1)*leading+taps*channels]
			C.split_taps(set, floats(to), C.size_t(tapStride), floats(weights), C.size_t(leading), C.size_t(rows), C.size_t(taps),
				C.size_t(channels))
		},
	}
}
