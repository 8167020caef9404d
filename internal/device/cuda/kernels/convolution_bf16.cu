// What a causal gated convolution needs in bfloat16 beside its products, which are of windows: the taps rows that a token
// depends on, as one row. Tensor cores want rows that begin at multiples of 16 bytes, so each of these rows has `stride`
// elements, the width or a little more up to a multiple of 8; what is past the width is 0. Outputs are padded to a multiple
// of 8 in the same way, and both filters are side by side: sums, which lack the biases, and their gradients are
// [tokens, 2 columns], copies of the weights [2 columns, taps·stride].
#include "approximate.h"
#include "elements.h"
#include "sequences.h"

const int EIGHT = 8; // neighbouring elements that a thread has, of rows that are aligned: 16 bytes
const int ROWS = 8;  // of a thread that has one column of rows that are not

DEVFN int column_of_thread() { return blockIdx.x * THREADS + threadIdx.x; }

// windows[t] = x[t-taps+1] … x[t], with 0 for tokens before the sequence's first. windows [tokens, taps·stride]; x
// [tokens, width]; starts [sequences+1]. Grid: ⌈tokens·taps·stride/8/256⌉.
KERNEL_OF(THREADS, convolution_windows_bf16, bf16 *windows, const bf16 *x, const int *starts, int sequences, int tokens,
	int width, int stride, int taps) {
	Cell c = cell_of<EIGHT>(tokens, taps * stride);
	if (!c.left) return;
	int token = c.row - (taps - 1) + c.column / stride, channel = c.column % stride;
	Elements<EIGHT> e = all_of<EIGHT>(0);
	if (token >= starts[sequence_of(starts, sequences, c.row)])
		e = read<EIGHT>(x + (size_t)token * width + channel, width - channel);
	store(windows + c.at, e);
}

// dx[t] = Σ_tap dwindows[t+taps-1-tap] at that tap, over the tokens of the sequence, or += it. dx [tokens, width];
// dwindows [tokens, taps·stride]; starts [sequences+1]. Grid: (⌈width/256⌉, ⌈tokens/8⌉).
KERNEL_OF(THREADS, convolution_windows_gradient_bf16, bf16 *dx, const bf16 *dwindows, const int *starts, int sequences,
	int tokens, int width, int stride, int taps, int accumulate) {
	int column = column_of_thread(), row = blockIdx.y * ROWS, end = smaller(row + ROWS, tokens);
	if (column >= width) return;
	for (; row < end; row++) {
		int last = starts[sequence_of(starts, sequences, row) + 1];
		float sum = 0;
		for (int tap = 0; tap < taps; tap++) {
			int token = row + (taps - 1) - tap;
			if (token < last) sum += load_element(dwindows + ((size_t)token * taps + tap) * stride + column);
		}
		bf16 *to = dx + (size_t)row * width + column;
		store_element(to, accumulate ? load_element(to) + sum : sum);
	}
}

// weight_at is where a weight's element is, in the order of the weights: [in, taps] if taps_last and else [taps, in].
DEVFN size_t weight_at(int output, int tap, int channel, int width, int taps, int taps_last) {
	return ((size_t)output * taps + (taps_last ? 0 : tap)) * width + (taps_last ? channel * taps + tap : channel);
}

// copy is both weights [outputs, taps·width] with rows padded. Grid: ⌈2 columns·taps·stride/8/256⌉.
KERNEL_OF(THREADS, convolution_weights_bf16, bf16 *copy, const bf16 *weight0, const bf16 *weight1, int outputs,
	int columns, int width, int stride, int taps, int taps_last) {
	Cell c = cell_of<EIGHT>(2 * columns, taps * stride);
	if (!c.left) return;
	const bf16 *weight = c.row < columns ? weight0 : weight1;
	int output = c.row % columns, tap = c.column / stride, channel = c.column % stride;
	Elements<EIGHT> e = all_of<EIGHT>(0);
	for (int j = 0; j < EIGHT; j++)
		if (output < outputs && channel + j < width)
			e.at[j] = load_element(weight + weight_at(output, tap, channel + j, width, taps, taps_last));
	store(copy + c.at, e);
}

// dweight0 and dweight1 [outputs, taps·width] are what gradient [2 columns, taps·stride] has of them, or += it; either may
// be null. Grid: (⌈taps·width/256⌉, 2 outputs).
KERNEL_OF(THREADS, convolution_weights_gradient, float *dweight0, float *dweight1, const float *gradient, int outputs,
	int columns, int width, int stride, int taps, int taps_last, int accumulate0, int accumulate1) {
	int element = column_of_thread(), filter = blockIdx.y / outputs, output = blockIdx.y % outputs;
	float *to = filter == 0 ? dweight0 : dweight1;
	if (to == 0 || element >= taps * width) return;
	int tap = taps_last ? element % taps : element / width, channel = taps_last ? element / taps : element % width;
	float d = gradient[((size_t)filter * columns + output) * taps * stride + tap * stride + channel];
	to += (size_t)output * taps * width + element;
	*to = (filter == 0 ? accumulate0 : accumulate1) ? *to + d : d;
}

// Biases are the sums of both biases of an output of the convolution and of the gate.
struct Biases {
	float a, g;
};
DEVFN Biases biases_of(int column, const float *a0, const float *a1, const float *g0, const float *g1) {
	Biases b = {a0[column] + a1[column], g0[column] + g1[column]};
	return b;
}

// y = a σ(g), with a and g the sums with their biases. y [tokens, width]; sums [tokens, 2 columns]; biases [width], two of
// a and two of g. Grid: (⌈width/256⌉, ⌈tokens/8⌉).
KERNEL_OF(THREADS, convolution_gate_bf16, bf16 *y, const bf16 *sums, const float *a0, const float *a1, const float *g0,
	const float *g1, int tokens, int width, int columns) {
	int column = column_of_thread(), row = blockIdx.y * ROWS, end = smaller(row + ROWS, tokens);
	if (column >= width) return;
	Biases bias = biases_of(column, a0, a1, g0, g1);
	for (; row < end; row++) {
		const bf16 *at = sums + (size_t)row * 2 * columns + column;
		float a = load_element(at) + bias.a, g = load_element(at + columns) + bias.g;
		store_element(y + (size_t)row * width + column, a * sigmoid_fast(g));
	}
}

// da = dy σ(g) and dg = dy a σ'(g), side by side in dsums, as convolution_gate_bf16 has them. dsums, sums
// [tokens, 2 columns]; dy [tokens, width]. Grid: (⌈columns/256⌉, ⌈tokens/8⌉).
KERNEL_OF(THREADS, convolution_gate_gradient_bf16, bf16 *dsums, const bf16 *dy, const bf16 *sums, const float *a0,
	const float *a1, const float *g0, const float *g1, int tokens, int width, int columns) {
	int column = column_of_thread(), row = blockIdx.y * ROWS, end = smaller(row + ROWS, tokens);
	if (column >= columns) return;
	bool present = column < width;
	Biases bias = present ? biases_of(column, a0, a1, g0, g1) : Biases();
	for (; row < end; row++) {
		size_t at = (size_t)row * 2 * columns + column;
		float da = 0, dg = 0;
		if (present) {
			float d = load_element(dy + (size_t)row * width + column), a = load_element(sums + at) + bias.a;
			float s = sigmoid_fast(load_element(sums + at + columns) + bias.g);
			da = d * s, dg = d * a * s * (1.0f - s);
		}
		store_element(dsums + at, da), store_element(dsums + at + columns, dg);
	}
}
