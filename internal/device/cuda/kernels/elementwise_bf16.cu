// Operations that compute each element on its own, with activations in bfloat16: elementwise.cu says what.
#include "approximate.h"
#include "elementwise.h"

const int N = GROUP<bf16>;

// Grid: ⌈n/2048⌉.
KERNEL_OF(THREADS, fill_bf16, bf16 *y, size_t n, float value) { fill(y, value, n); }

// Grid: ⌈n/2048⌉.
KERNEL_OF(THREADS, copy_bf16, bf16 *y, const bf16 *x, size_t n, int accumulate) { copy<N>(y, x, n, 1, accumulate); }

// Grid: ⌈n/2048⌉.
KERNEL_OF(THREADS, copy_bf16_float, bf16 *y, const float *x, size_t n, int accumulate) {
	copy<N>(y, x, n, 1, accumulate);
}

// Grid: ⌈n/2048⌉.
KERNEL_OF(THREADS, copy_float_bf16, float *y, const bf16 *x, size_t n, int accumulate) {
	copy<N>(y, x, n, 1, accumulate);
}

// Grid: ⌈n/2048⌉.
KERNEL_OF(THREADS, scale_bf16, bf16 *y, const bf16 *x, const float *factor, size_t n, int accumulate) {
	copy<N>(y, x, n, *factor, accumulate);
}

// Grid: ⌈n/2048⌉.
KERNEL_OF(THREADS, add_bf16, bf16 *y, const bf16 *a, const bf16 *b, size_t n) { add(y, a, b, n); }

// Grid: ⌈count·⌈width/8⌉/256⌉.
KERNEL_OF(
	THREADS, dropout_bf16, bf16 *y, const bf16 *x, const int *rows, int count, int width, DROPOUT, int accumulate) {
	Dropout d = DROPOUT_OF;
	dropout(y, x, (const bf16 *)0, rows, count, width, d, accumulate);
}

// Grid: ⌈count·⌈width/8⌉/256⌉.
KERNEL_OF(THREADS, dropout_add_bf16, bf16 *y, const bf16 *x, const bf16 *residual, const int *rows, int count,
	int width, DROPOUT) {
	Dropout d = DROPOUT_OF;
	dropout(y, x, residual, rows, count, width, d, 0);
}

// Grid: ⌈n/2048⌉.
KERNEL_OF(THREADS, activation_bf16, bf16 *y, const bf16 *x, size_t n, int activation) {
	Span s = span_of<N>(n);
	if (!s.left) return;
	Elements<N> f = read<N>(x + s.at, s.left);
	with_activation(activation, [&](auto a) {
		for (int j = 0; j < N; j++) f.at[j] = activated_fast<a.number>(f.at[j]).value;
	});
	write(y + s.at, f, s.left);
}

// Grid: (⌈width/256⌉, blocks).
KERNEL_OF(THREADS, activation_gradient_bf16, bf16 *dx, float *partials, const bf16 *dy, const bf16 *x, int rows,
	int width, int rows_of_block, int activation) {
	__shared__ float shared[WARPS][STRIP<bf16>];
	Strip s = strip_of<N>(rows, width, rows_of_block);
	Elements<N> sum = all_of<N>(0);
	with_activation(activation, [&](auto a) {
#pragma unroll 2
		for (int row = s.first; row < s.last; row += WARPS) {
			size_t at = (size_t)row * width + s.column;
			Elements<N> d = read<N>(dy + at, s.left), f = read<N>(x + at, s.left);
			for (int j = 0; j < N; j++) d.at[j] *= activated_fast<a.number>(f.at[j]).slope;
			write(dx + at, d, s.left);
			for (int j = 0; j < N; j++) sum.at[j] += d.at[j];
		}
	});
	if (partials) add_warps(partials + (size_t)blockIdx.y * width, sum, s, shared);
}

// Grid: ⌈n/2048⌉.
KERNEL_OF(THREADS, gated_bf16, bf16 *y, const bf16 *gate_values, const bf16 *x, size_t n, int activation) {
	Span s = span_of<N>(n);
	if (!s.left) return;
	Elements<N> g = read<N>(gate_values + s.at, s.left), f = read<N>(x + s.at, s.left);
	with_activation(activation, [&](auto a) {
		for (int j = 0; j < N; j++) f.at[j] *= activated_fast<a.number>(g.at[j]).value;
	});
	write(y + s.at, f, s.left);
}

// Grid: ⌈n/2048⌉.
KERNEL_OF(THREADS, gated_gradient_bf16, bf16 *dgate, bf16 *dx, const bf16 *dy, const bf16 *gate, const bf16 *x,
	size_t n, int activation, int accumulate_gate, int accumulate_x) {
	Span s = span_of<N>(n);
	if (!s.left) return;
	Elements<N> d = read<N>(dy + s.at, s.left), g = read<N>(gate + s.at, s.left), f = read<N>(x + s.at, s.left);
	with_activation(activation, [&](auto number) {
		for (int j = 0; j < N; j++) {
			Activated a = activated_fast<number.number>(g.at[j]);
			g.at[j] = d.at[j] * f.at[j] * a.slope, f.at[j] = d.at[j] * a.value;
		}
	});
	if (dgate) put(dgate + s.at, g, s.left, accumulate_gate);
	if (dx) put(dx + s.at, f, s.left, accumulate_x);
}

// Grid: ⌈rows·⌈count/8⌉/256⌉.
KERNEL_OF(THREADS, columns_bf16, bf16 *y, const bf16 *x, int rows, int width, int from, int count, int accumulate) {
	columns(y, x, rows, width, from, count, accumulate);
}

// Grid: ⌈rows·⌈width/8⌉/256⌉.
KERNEL_OF(THREADS, widen_bf16, bf16 *y, const bf16 *x, int rows, int width, int from, int count, int accumulate) {
	widen(y, x, rows, width, from, count, accumulate);
}
