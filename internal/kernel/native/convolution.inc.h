// Rearranging what the products of a gated convolution read. The loops have a constant number of taps, so that the compiler
// turns them into shuffles of vectors.
#include "routines.h"
#include "vector.h"

// FOR_TAPS(taps, loop, arguments) calls loop with the taps as a constant where they are few.
#define FOR_TAPS(taps, loop, ...)                 \
	switch (taps) {                               \
	case 2: loop(2, __VA_ARGS__); break;          \
	case 3: loop(3, __VA_ARGS__); break;          \
	case 4: loop(4, __VA_ARGS__); break;          \
	default: loop(taps, __VA_ARGS__);             \
	}

// full_windows writes windows whose rows all exist; x is the first row of the first one.
INLINE void full_windows(const size_t taps, float *restrict to, const float *restrict x, size_t width, size_t rows, size_t channels) {
	for (size_t r = 0; r < rows; r++, x += width, to += taps * channels)
		for (size_t i = 0; i < channels; i++)
			UNROLL for (size_t tap = 0; tap < taps; tap++) to[i * taps + tap] = x[tap * width + i];
}

static void windows(struct windows w) {
	const size_t width = w.width, taps = w.taps, channels = w.channels;
	const float *x = w.x;
	float *to = w.to;
	size_t row = w.row, rows = w.rows;
	for (; rows > 0 && row + 1 < taps; row++, rows--, to += taps * channels) {
		size_t missing = taps - 1 - row;
		for (size_t i = 0; i < channels; i++)
			for (size_t tap = 0; tap < taps; tap++) to[i * taps + tap] = tap < missing ? 0 : x[(tap - missing) * width + i];
	}
	if (rows > 0) FOR_TAPS(taps, full_windows, to, x + (row + 1 - taps) * width, width, rows, channels)
}

INLINE void split_loop(const size_t taps, float *restrict to, size_t tap_stride, const float *restrict weights, size_t leading,
	size_t rows, size_t channels) {
	for (size_t r = 0; r < rows; r++, weights += leading, to += channels)
		for (size_t i = 0; i < channels; i++)
			UNROLL for (size_t tap = 0; tap < taps; tap++) to[tap * tap_stride + i] = weights[i * taps + tap];
}

static void split_taps(struct split_taps s) {
	FOR_TAPS(s.taps, split_loop, s.to, s.tap_stride, s.weights, s.leading, s.rows, s.channels)
}
