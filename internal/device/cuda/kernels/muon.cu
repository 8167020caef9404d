// What Muon, as package op has it, does besides matrix products.
#include "elements.h"

// With g = factor gradient, momentum = beta momentum + rest g, unless halted is set, and x = beta momentum + rest g. x,
// momentum, gradient [n]; factor, halted scalars. rest is 1-β, computed in float64. Grid: ⌈n/1024⌉.
KERNEL_OF(THREADS, muon_momentum, float *x, float *momentum, const float *gradient, const double *factor,
	const float *halted, size_t n, float beta, float rest) {
	Span s = span_of(n);
	if (!s.left) return;
	float scale = (float)*factor;
	Four m = read4(momentum + s.at, s.left), g = read4(gradient + s.at, s.left), to;
	for (int j = 0; j < 4; j++) {
		float y = g.at[j] * scale;
		m.at[j] = m.at[j] * beta + y * rest;
		to.at[j] = m.at[j] * beta + y * rest;
	}
	write4(x + s.at, to, s.left);
	if (*halted == 0) write4(momentum + s.at, m, s.left);
}

// x = x/max(√squares, epsilon). x [n]; squares scalar. Grid: ⌈n/1024⌉.
KERNEL_OF(THREADS, muon_normalize, float *x, const double *squares, size_t n, double epsilon) {
	Span s = span_of(n);
	if (!s.left) return;
	double norm = sqrt(*squares);
	float scale = (float)(1 / (norm > epsilon ? norm : epsilon));
	Four to = read4(x + s.at, s.left);
	for (int j = 0; j < 4; j++) to.at[j] *= scale;
	write4(x + s.at, to, s.left);
}

// x = a x + b y. x, y [n]. Grid: ⌈n/1024⌉.
KERNEL_OF(THREADS, muon_combine, float *x, const float *y, size_t n, float a, float b) {
	Span s = span_of(n);
	if (!s.left) return;
	Four to = read4(x + s.at, s.left), from = read4(y + s.at, s.left);
	for (int j = 0; j < 4; j++) to.at[j] = a * to.at[j] + b * from.at[j];
	write4(x + s.at, to, s.left);
}

// p = p - decay p - rate x, unless halted is set, and half is p rounded to bfloat16; half may be null. p, half, x [n]; halted
// scalar. Grid: ⌈n/1024⌉.
KERNEL_OF(THREADS, muon_update, float *parameters, bf16 *half, const float *x, const float *halted, size_t n,
	float rate, float decay) {
	Span s = span_of(n);
	if (!s.left || *halted != 0) return;
	Four p = read4(parameters + s.at, s.left), step = read4(x + s.at, s.left);
	for (int j = 0; j < 4; j++) p.at[j] = p.at[j] - decay * p.at[j] - rate * step.at[j];
	write4(parameters + s.at, p, s.left);
	if (half) write4(half + s.at, p, s.left);
}
