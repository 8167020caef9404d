// Operations that compute each element on its own.
#include "elementwise.h"
#include "activation.h"

// y = x, or y += x. y, x [n]. Grid: ⌈n/1024⌉.
KERNEL_OF(THREADS, copy_float, float *y, const float *x, size_t n, int accumulate) {
	copy<4>(y, x, n, 1, accumulate);
}

// y = factor x, or y += factor x. y, x [n]; factor a scalar. Grid: ⌈n/1024⌉.
KERNEL_OF(THREADS, scale_float, float *y, const float *x, const float *factor, size_t n, int accumulate) {
	copy<4>(y, x, n, *factor, accumulate);
}

// y = a + b. y, a, b [n]. Grid: ⌈n/1024⌉.
KERNEL_OF(THREADS, add_float, float *y, const float *a, const float *b, size_t n) { add(y, a, b, n); }

// y = dropout(x), or y += dropout(x). y, x [count, width]; rows [count], not read if threshold is 0.
// Grid: ⌈count·⌈width/4⌉/256⌉.
KERNEL_OF(
	THREADS, dropout_float, float *y, const float *x, const int *rows, int count, int width, DROPOUT, int accumulate) {
	Dropout d = DROPOUT_OF;
	dropout(y, x, (const float *)0, rows, count, width, d, accumulate);
}

// y = dropout(x) + residual. y, x, residual [count, width]; rows [count], not read if threshold is 0. y may be x or
// residual. Grid: ⌈count·⌈width/4⌉/256⌉.
KERNEL_OF(THREADS, dropout_add_float, float *y, const float *x, const float *residual, const int *rows, int count,
	int width, DROPOUT) {
	Dropout d = DROPOUT_OF;
	dropout(y, x, residual, rows, count, width, d, 0);
}

DEVFN void activate(float *y, const float *x, size_t n, int activation) {
	Span s = span_of(n);
	if (!s.left) return;
	Four f = read4(x + s.at, s.left);
#pragma unroll 1
	for (int j = 0; j < 4; j++) next(f, activated(activation, f.at[0]).value);
	write4(y + s.at, f, s.left);
}

// y = a(x), with the activation a by its number in package op. y, x [n]; y may be x. Grid: ⌈n/1024⌉.
KERNEL_OF(THREADS, activation_float, float *y, const float *x, size_t n, int activation) {
	activate(y, x, n, activation);
}

template <class T> DEVFN void activation_gradient(T *dx, float *partials, const T *dy, const T *x, int rows, int width,
	int rows_of_block, int activation, float (&shared)[WARPS][STRIP<float>]) {
	Strip s = strip_of(rows, width, rows_of_block);
	Four sum = all_four(0);
	for (int row = s.first; row < s.last; row += WARPS) {
		size_t at = (size_t)row * width + s.column;
		Four d = read4(dy + at, s.left), f = read4(x + at, s.left);
#pragma unroll 1
		for (int j = 0; j < 4; j++) {
			float slope = activated(activation, f.at[0]).slope;
			next(f, 0), next(d, d.at[0] * slope);
		}
		write4(dx + at, d, s.left);
		for (int j = 0; j < 4; j++) sum.at[j] += d.at[j];
	}
	if (!partials) return;
	keep_sums(shared, sum, 0);
	add_warps(partials + (size_t)blockIdx.y * width, s, shared);
}

// dx = dy a'(x), and the first stage of its column sums, unless partials is null. dx, dy, x [rows, width];
// partials [blocks, width], blocks and rows_of_block from RowBlocks. dx may be dy. Grid: (⌈width/128⌉, blocks).
KERNEL_OF(THREADS, activation_gradient_float, float *dx, float *partials, const float *dy, const float *x, int rows,
	int width, int rows_of_block, int activation) {
	__shared__ float shared[WARPS][STRIP<float>];
	activation_gradient(dx, partials, dy, x, rows, width, rows_of_block, activation, shared);
}

template <class T> DEVFN void gate(T *y, const T *gate, const T *x, size_t n, int activation) {
	Span s = span_of(n);
	if (!s.left) return;
	Four g = read4(gate + s.at, s.left), f = read4(x + s.at, s.left);
#pragma unroll 1
	for (int j = 0; j < 4; j++) {
		float value = activated(activation, g.at[0]).value;
		next(g, 0), next(f, value * f.at[0]);
	}
	write4(y + s.at, f, s.left);
}

// y = a(gate) x. y, gate, x [n]. Grid: ⌈n/1024⌉.
KERNEL_OF(THREADS, gated_float, float *y, const float *gate_values, const float *x, size_t n, int activation) {
	gate(y, gate_values, x, n, activation);
}

template <class T> DEVFN void gate_gradient(T *dgate, T *dx, const T *dy, const T *gate, const T *x, size_t n,
	int activation, int accumulate_gate, int accumulate_x) {
	Span s = span_of(n);
	if (!s.left) return;
	Four d = read4(dy + s.at, s.left), g = read4(gate + s.at, s.left), f = read4(x + s.at, s.left);
#pragma unroll 1
	for (int j = 0; j < 4; j++) {
		Activated a = activated(activation, g.at[0]);
		next(g, d.at[0] * f.at[0] * a.slope), next(f, d.at[0] * a.value), next(d, 0);
	}
	if (dgate) put4(dgate + s.at, g, s.left, accumulate_gate);
	if (dx) put4(dx + s.at, f, s.left, accumulate_x);
}

// dgate = dy x a'(gate) and dx = dy a(gate), or adds them; either may be null. All [n]. Grid: ⌈n/1024⌉.
KERNEL_OF(THREADS, gated_gradient_float, float *dgate, float *dx, const float *dy, const float *gate, const float *x,
	size_t n, int activation, int accumulate_gate, int accumulate_x) {
	gate_gradient(dgate, dx, dy, gate, x, n, activation, accumulate_gate, accumulate_x);
}

// y = x[:, from : from+count], or y += it. y [rows, count]; x [rows, width]. Grid: ⌈rows·⌈count/4⌉/256⌉.
KERNEL_OF(THREADS, columns_float, float *y, const float *x, int rows, int width, int from, int count, int accumulate) {
	columns(y, x, rows, width, from, count, accumulate);
}

// y[:, from : from+count] = x, or y[...] += x; without accumulate the other columns become 0. y [rows, width];
// x [rows, count]. Grid: ⌈rows·⌈width/4⌉/256⌉.
KERNEL_OF(THREADS, widen_float, float *y, const float *x, int rows, int width, int from, int count, int accumulate) {
	widen(y, x, rows, width, from, count, accumulate);
}
