// What a causal gated convolution needs in bfloat16 beside its products, which are of windows: the taps rows that a token
// depends on, as one row. Tensor cores want rows that begin at multiples of 16 bytes, so each of these rows has `stride`
// elements, the width or a little more up to a multiple of 8; what is past the width is 0. Outputs are padded to a multiple
// of 8 in the same way, and both filters are side by side: sums, which lack the biases, and their gradients are
// [tokens, 2 columns], copies of the weights [2 columns, taps·stride].
#include "approximate.h"
#include "elements.h"
#include "sequences.h"

const int EIGHT = 8; // neighbouring elements that a thread has: 16 bytes

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
// dwindows [tokens, taps·stride]; starts [sequences+1]. Grid: ⌈tokens·⌈width/8⌉/256⌉.
KERNEL_OF(THREADS, convolution_windows_gradient_bf16, bf16 *dx, const bf16 *dwindows, const int *starts, int sequences,
	int tokens, int width, int stride, int taps, int accumulate) {
	Cell c = cell_of<EIGHT>(tokens, width);
	if (!c.left) return;
	int last = starts[sequence_of(starts, sequences, c.row) + 1];
	Elements<EIGHT> sum = all_of<EIGHT>(0);
	for (int tap = 0; tap < taps; tap++) {
		int token = c.row + (taps - 1) - tap;
		if (token >= last) continue;
		Elements<EIGHT> e;
		load(e, dwindows + ((size_t)token * taps + tap) * stride + c.column);
		for (int j = 0; j < EIGHT; j++) sum.at[j] += e.at[j];
	}
	put(dx + c.at, sum, c.left, accumulate);
}

// Place is where a weight's element is, in the order of the weights: [in, taps] if taps_last and else [taps, in].
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
// be null. Grid: ⌈2 columns·taps·stride/4/256⌉.
KERNEL_OF(THREADS, convolution_weights_gradient, float *dweight0, float *dweight1, const float *gradient, int outputs,
	int columns, int width, int stride, int taps, int taps_last, int accumulate0, int accumulate1) {
	Cell c = cell_of(2 * columns, taps * stride);
	if (!c.left) return;
	float *to = c.row < columns ? dweight0 : dweight1;
	int accumulate = c.row < columns ? accumulate0 : accumulate1;
	int output = c.row % columns, tap = c.column / stride, channel = c.column % stride;
	if (to == 0 || output >= outputs) return;
	Four f = load4(gradient + c.at);
	for (int j = 0; j < 4; j++) {
		if (channel + j >= width) continue;
		float *at = to + weight_at(output, tap, channel + j, width, taps, taps_last);
		*at = accumulate ? *at + f.at[j] : f.at[j];
	}
}

// add_biases adds the first `left` elements of both biases.
DEVFN void add_biases(Elements<EIGHT> &sums, const float *bias, const float *second, int left) {
	for (int j = 0; j < EIGHT; j++)
		if (j < left) sums.at[j] += bias[j] + second[j];
}

// y = a σ(g), with a and g the sums with their biases. y [tokens, width]; sums [tokens, 2 columns]; biases [width], two of
// a and two of g. Grid: ⌈tokens·⌈width/8⌉/256⌉.
KERNEL_OF(THREADS, convolution_gate_bf16, bf16 *y, const bf16 *sums, const float *a0, const float *a1, const float *g0,
	const float *g1, int tokens, int width, int columns) {
	Cell c = cell_of<EIGHT>(tokens, width);
	if (!c.left) return;
	const bf16 *row = sums + (size_t)c.row * 2 * columns + c.column;
	Elements<EIGHT> a, g;
	load(a, row), load(g, row + columns);
	add_biases(a, a0 + c.column, a1 + c.column, c.left);
	add_biases(g, g0 + c.column, g1 + c.column, c.left);
	for (int j = 0; j < EIGHT; j++) a.at[j] *= sigmoid_fast(g.at[j]);
	write(y + c.at, a, c.left);
}

// da = dy σ(g) and dg = dy a σ'(g), side by side in dsums, as convolution_gate_bf16 has them. dsums, sums
// [tokens, 2 columns]; dy [tokens, width]. Grid: ⌈tokens·⌈width/8⌉/256⌉.
KERNEL_OF(THREADS, convolution_gate_gradient_bf16, bf16 *dsums, const bf16 *dy, const bf16 *sums, const float *a0,
	const float *a1, const float *g0, const float *g1, int tokens, int width, int columns) {
	Cell c = cell_of<EIGHT>(tokens, width);
	if (!c.left) return;
	size_t at = (size_t)c.row * 2 * columns + c.column;
	Elements<EIGHT> d = read<EIGHT>(dy + c.at, c.left), a, g;
	load(a, sums + at), load(g, sums + at + columns);
	add_biases(a, a0 + c.column, a1 + c.column, c.left);
	add_biases(g, g0 + c.column, g1 + c.column, c.left);
	for (int j = 0; j < EIGHT; j++) {
		float s = sigmoid_fast(g.at[j]);
		g.at[j] = j < c.left ? d.at[j] * a.at[j] * s * (1.0f - s) : 0;
		a.at[j] = j < c.left ? d.at[j] * s : 0;
	}
	store(dsums + at, a), store(dsums + at + columns, g);
}
