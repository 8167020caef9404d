// What a causal gated convolution needs beside its products, which are of windows: the taps rows that a token depends
// on, as one row. A window's elements are in the order of the weights, [in, taps] if taps_last and else [taps, in].
#include "elements.h"
#include "functions.h"
#include "sequences.h"

// WindowElement is where an element of a window comes from.
struct WindowElement {
	int tap, channel;
};

DEVFN WindowElement window_element(int column, int width, int taps, int taps_last) {
	WindowElement e;
	e.tap = taps_last ? column % taps : column / width;
	e.channel = taps_last ? column / taps : column % width;
	return e;
}

template <class T> DEVFN void convolution_windows(
	T *windows, const T *x, const int *starts, int sequences, int tokens, int width, int taps, int taps_last) {
	Cell c = cell_of(tokens, taps * width);
	if (!c.left) return;
	int first = starts[sequence_of(starts, sequences, c.row)];
	Four f;
	for (int j = 0; j < 4; j++) {
		WindowElement e = window_element(c.column + j, width, taps, taps_last);
		int token = c.row - (taps - 1) + e.tap;
		f.at[j] = j < c.left && token >= first ? read4(x + (size_t)token * width + e.channel, 1).at[0] : 0;
	}
	write4(windows + c.at, f, c.left);
}

// windows[t] = x[t-taps+1] … x[t], with 0 for tokens before the sequence's first. windows [tokens, taps·width]; x
// [tokens, width]; starts [sequences+1]. Grid: ⌈tokens·⌈taps·width/4⌉/256⌉.
KERNEL_OF(THREADS, convolution_windows_float, float *windows, const float *x, const int *starts, int sequences,
	int tokens, int width, int taps, int taps_last) {
	convolution_windows(windows, x, starts, sequences, tokens, width, taps, taps_last);
}

template <class T> DEVFN void convolution_windows_gradient(T *dx, const T *dwindows, const int *starts, int sequences,
	int tokens, int width, int taps, int taps_last, int accumulate) {
	Cell c = cell_of(tokens, width);
	if (!c.left) return;
	int last = starts[sequence_of(starts, sequences, c.row) + 1];
	Four sum = all_four(0);
	for (int tap = 0; tap < taps; tap++) {
		int token = c.row + (taps - 1) - tap;
		if (token >= last) continue;
		const T *window = dwindows + (size_t)token * taps * width;
		for (int j = 0; j < 4; j++) {
			int channel = c.column + j;
			if (j < c.left)
				sum.at[j] += read4(window + (taps_last ? channel * taps + tap : tap * width + channel), 1).at[0];
		}
	}
	put4(dx + c.at, sum, c.left, accumulate);
}

// dx[t] = Σ_tap dwindows[t+taps-1-tap] at that tap, over the tokens of the sequence, or += it. dx [tokens, width];
// dwindows [tokens, taps·width]; starts [sequences+1]. Grid: ⌈tokens·⌈width/4⌉/256⌉.
KERNEL_OF(THREADS, convolution_windows_gradient_float, float *dx, const float *dwindows, const int *starts,
	int sequences, int tokens, int width, int taps, int taps_last, int accumulate) {
	convolution_windows_gradient(dx, dwindows, starts, sequences, tokens, width, taps, taps_last, accumulate);
}

template <class T> DEVFN void convolution_gate(T *y, const T *sums, int tokens, int width) {
	Cell c = cell_of(tokens, width);
	if (!c.left) return;
	const T *row = sums + (size_t)c.row * 2 * width + c.column;
	Four a = read4(row, c.left), g = read4(row + width, c.left);
	for (int j = 0; j < 4; j++) a.at[j] *= sigmoid32(g.at[j]).value;
	write4(y + c.at, a, c.left);
}

// y = a σ(g), with a and g side by side in sums. y [tokens, width]; sums [tokens, 2 width]. Grid:
// ⌈tokens·⌈width/4⌉/256⌉.
KERNEL_OF(THREADS, convolution_gate_float, float *y, const float *sums, int tokens, int width) {
	convolution_gate(y, sums, tokens, width);
}

template <class T> DEVFN void convolution_gate_gradient(T *dsums, const T *dy, const T *sums, int tokens, int width) {
	Cell c = cell_of(tokens, width);
	if (!c.left) return;
	size_t at = (size_t)c.row * 2 * width + c.column;
	Four d = read4(dy + c.at, c.left), a = read4(sums + at, c.left), g = read4(sums + at + width, c.left);
	for (int j = 0; j < 4; j++) {
		Sigmoid s = sigmoid32(g.at[j]);
		g.at[j] = d.at[j] * a.at[j] * s.slope;
		a.at[j] = d.at[j] * s.value;
	}
	write4(dsums + at, a, c.left);
	write4(dsums + at + width, g, c.left);
}

// da = dy σ(g) and dg = dy a σ'(g), side by side in dsums. dsums, sums [tokens, 2 width]; dy [tokens, width].
// Grid: ⌈tokens·⌈width/4⌉/256⌉.
KERNEL_OF(
	THREADS, convolution_gate_gradient_float, float *dsums, const float *dy, const float *sums, int tokens, int width) {
	convolution_gate_gradient(dsums, dy, sums, tokens, width);
}
