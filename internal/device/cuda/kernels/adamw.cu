// The update of AdamW, as package op has it.
#include "elements.h"

// Unless halted is set, with g = factor gradient:
//   m = beta1 m + rest1 g
//   v = beta2 v + rest2 g²
//   p = p - rate m/(√v + epsilon), and then p = p - decay p
// p, m, v, gradients [n]; factor, halted scalars. rest1 and rest2 are 1-β, and decay is the rate times the weight
// decay, all computed in float64. Grid: ⌈n/1024⌉.
KERNEL_OF(THREADS, adamw, float *parameters, float *first, float *second, const float *gradients, const double *factor,
	const float *halted, size_t n, float beta1, float rest1, float beta2, float rest2, float epsilon, float rate,
	float decay) {
	Span s = span_of(n);
	if (!s.left || *halted != 0) return;
	float scale = (float)*factor;
	Four p = read4(parameters + s.at, s.left), m = read4(first + s.at, s.left), v = read4(second + s.at, s.left);
	Four g = read4(gradients + s.at, s.left);
	for (int j = 0; j < 4; j++) {
		float x = g.at[j] * scale;
		m.at[j] = m.at[j] * beta1 + x * rest1;
		v.at[j] = v.at[j] * beta2 + x * x * rest2;
		float moved = p.at[j] - rate * m.at[j] / (sqrtf(v.at[j]) + epsilon);
		p.at[j] = moved - decay * moved;
	}
	write4(first + s.at, m, s.left);
	write4(second + s.at, v, s.left);
	write4(parameters + s.at, p, s.left);
}
