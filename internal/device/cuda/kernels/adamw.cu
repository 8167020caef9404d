// The updates of AdamW and StableAdamW, as package op has them.
#include "elements.h"

// Unless halted is set, with g = factor gradient:
//   m = beta1 m + rest1 g
//   v = beta2 v + rest2 g²
//   p = p - rate m/(√v + epsilon), and then p = p - decay p
// and half is p rounded to bfloat16; half may be null. rules has two bits for each 16 elements, the lowest for the first
// ones: 0 leaves them as they are, 1 updates them without decay, 3 with it. p, m, v, half, gradients [n]; rules [⌈n/256⌉];
// factor, halted scalars. rest1 and rest2 are 1-β, and decay is the rate times the weight decay, all computed in float64.
// Grid: ⌈n/1024⌉.
KERNEL_OF(THREADS, adamw, float *parameters, float *first, float *second, bf16 *half, const float *gradients,
	const int *rules, const double *factor, const float *halted, size_t n, float beta1, float rest1, float beta2,
	float rest2, float epsilon, float rate, float decay) {
	Span s = span_of(n);
	if (!s.left || *halted != 0) return;
	unsigned rule = (unsigned)rules[s.at >> 8] >> (s.at >> 4 & 15) * 2 & 3;
	if (!rule) return;
	if (rule == 1) decay = 0;
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
	if (half) write4(half + s.at, p, s.left);
}

// The first half of StableAdamW on one tensor. Unless halted is set, with g = factor gradient, m and v as above, and the
// first stage of the sum of g²/max(v, epsilon²): total_partials is the second. m, v, gradients [n]; partials
// [⌈n/1024⌉]; factor, halted scalars. Grid: ⌈n/1024⌉.
KERNEL_OF(THREADS, stable_adamw_moments, double *partials, float *first, float *second, const float *gradients,
	const double *factor, const float *halted, size_t n, float beta1, float rest1, float beta2, float rest2,
	float epsilon) {
	__shared__ double shared[THREADS];
	Span s = span_of(n);
	double sum = 0;
	if (s.left && *halted == 0) {
		float scale = (float)*factor, least = epsilon * epsilon;
		Four m = read4(first + s.at, s.left), v = read4(second + s.at, s.left), g = read4(gradients + s.at, s.left);
		for (int j = 0; j < 4; j++) {
			float x = g.at[j] * scale;
			m.at[j] = m.at[j] * beta1 + x * rest1;
			v.at[j] = v.at[j] * beta2 + x * x * rest2;
			if (j < s.left) sum += (double)(x * x) / (double)(v.at[j] > least ? v.at[j] : least);
		}
		write4(first + s.at, m, s.left);
		write4(second + s.at, v, s.left);
	}
	sum = add_threads(sum, shared);
	if (threadIdx.x == 0) partials[blockIdx.x] = sum;
}

// The second half: with c = max(1, √(ratios/n)), p = p - decay/c p - rate/c m/(√v + epsilon), and half as above, unless
// halted is set. p, half, m, v [n]; ratios, which is the sum of g²/max(v, epsilon²), and halted scalars. decay is the
// rate times the weight decay. Grid: ⌈n/1024⌉.
KERNEL_OF(THREADS, stable_adamw_update, float *parameters, bf16 *half, const float *first, const float *second,
	const double *ratios, const float *halted, size_t n, float epsilon, double rate, double decay) {
	Span s = span_of(n);
	if (!s.left || *halted != 0) return;
	double mean = *ratios / (double)n, clip = mean > 1 ? sqrt(mean) : 1;
	float step = (float)(rate / clip), shrink = (float)(decay / clip);
	Four p = read4(parameters + s.at, s.left), m = read4(first + s.at, s.left), v = read4(second + s.at, s.left);
	for (int j = 0; j < 4; j++)
		p.at[j] = p.at[j] - shrink * p.at[j] - step * m.at[j] / (sqrtf(v.at[j]) + epsilon);
	write4(parameters + s.at, p, s.left);
	if (half) write4(half + s.at, p, s.left);
}
