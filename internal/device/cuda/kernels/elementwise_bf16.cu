// Operations that compute each element on its own, with activations in bfloat16: elementwise.cu says what.
#include "approximate.h"
#include "elementwise.h"

const int N = GROUP<bf16>;

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
	with_activation(activation, [&](auto a) {
		each_group<N>(s.left, all_aligned(y, x), [&](auto count, int j) {
			auto f = loaded<count.n>(x + s.at + j);
			for (int i = 0; i < count.n; i++) f.at[i] = activated_fast<a.number>(f.at[i]).value;
			store(y + s.at + j, f);
		});
	});
}

// Grid: (⌈width/256⌉, blocks).
KERNEL_OF(THREADS, activation_gradient_bf16, bf16 *dx, float *partials, const bf16 *dy, const bf16 *x, int rows,
	int width, int rows_of_block, int activation) {
	__shared__ float shared[WARPS][STRIP<bf16>];
	Strip s = strip_of<N>(rows, width, rows_of_block);
	with_activation(activation, [&](auto a) {
		each_group<N>(s.left, width % N == 0 && all_aligned(dx, dy, x), [&](auto count, int j) {
			auto sum = all_of<count.n>(0);
#pragma unroll 2
			for (int row = s.first; row < s.last; row += WARPS) {
				size_t at = (size_t)row * width + s.column + j;
				auto d = loaded<count.n>(dy + at), f = loaded<count.n>(x + at);
				for (int i = 0; i < count.n; i++) {
					d.at[i] *= activated_fast<a.number>(f.at[i]).slope;
					sum.at[i] += d.at[i];
				}
				store(dx + at, d);
			}
			keep_sums(shared, sum, j);
		});
	});
	if (partials) add_warps(partials + (size_t)blockIdx.y * width, s, shared);
}

// Grid: ⌈n/2048⌉.
KERNEL_OF(THREADS, gated_bf16, bf16 *y, const bf16 *gate_values, const bf16 *x, size_t n, int activation) {
	Span s = span_of<N>(n);
	with_activation(activation, [&](auto a) {
		each_group<N>(s.left, all_aligned(y, gate_values, x), [&](auto count, int j) {
			auto g = loaded<count.n>(gate_values + s.at + j), f = loaded<count.n>(x + s.at + j);
			for (int i = 0; i < count.n; i++) f.at[i] *= activated_fast<a.number>(g.at[i]).value;
			store(y + s.at + j, f);
		});
	});
}

// Grid: ⌈n/2048⌉.
KERNEL_OF(THREADS, gated_gradient_bf16, bf16 *dgate, bf16 *dx, const bf16 *dy, const bf16 *gate, const bf16 *x,
	size_t n, int activation, int accumulate_gate, int accumulate_x) {
	Span s = span_of<N>(n);
	with_activation(activation, [&](auto number) {
		each_group<N>(s.left, all_aligned(dgate, dx, dy, gate, x), [&](auto count, int j) {
			auto d = loaded<count.n>(dy + s.at + j), g = loaded<count.n>(gate + s.at + j),
				 f = loaded<count.n>(x + s.at + j);
			for (int i = 0; i < count.n; i++) {
				Activated a = activated_fast<number.number>(g.at[i]);
				g.at[i] = d.at[i] * f.at[i] * a.slope, f.at[i] = d.at[i] * a.value;
			}
			if (dgate) put_aligned(dgate + s.at + j, g, accumulate_gate);
			if (dx) put_aligned(dx + s.at + j, f, accumulate_x);
		});
	});
}

// Grid: ⌈rows·⌈count/8⌉/256⌉.
KERNEL_OF(THREADS, columns_bf16, bf16 *y, const bf16 *x, int rows, int width, int from, int count, int accumulate) {
	columns(y, x, rows, width, from, count, accumulate);
}

// Grid: ⌈rows·⌈width/8⌉/256⌉.
KERNEL_OF(THREADS, widen_bf16, bf16 *y, const bf16 *x, int rows, int width, int from, int count, int accumulate) {
	widen(y, x, rows, width, from, count, accumulate);
}
