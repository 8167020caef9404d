// What attention in float32 and attention on tiles have in common.
#ifndef UER_ATTENTION_HEADS_INC_H
#define UER_ATTENTION_HEADS_INC_H

#include <math.h>

#include "dropout.inc.h"
#include "routines.h"

// visible is the number of keys that query i sees.
INLINE size_t visible(const struct attention_heads *t, size_t i) {
	return min_size(i + 1 > t->prefix ? i + 1 : t->prefix, t->visible_keys);
}

// vector_log is the natural logarithm of normal numbers x >= 1, within 2 ulp. With x = 2^n m, m in [sqrt(1/2), sqrt(2)) and
// z = (m-1)/(m+1), log m = 2 artanh z = 2z + z³(2/3 + 2/5 z² + ...).
INLINE vfloat vector_log(vfloat x) {
	vint n = ((vint)x - 0x3f3504f3) >> 23;
	vfloat m = (vfloat)((vint)x - (n << 23));
	vfloat z = (m - 1.0f) / (m + 1.0f), square = z * z;
	vfloat p = splat(2.0f / 9);
	p = multiply_add(p, square, splat(2.0f / 7));
	p = multiply_add(p, square, splat(2.0f / 5));
	p = multiply_add(p, square, splat(2.0f / 3));
	vfloat log_m = multiply_add(p * square, z, z + z);
	return multiply_add(to_float(n), splat(0x1.62e43p-1f), multiply_add(to_float(n), splat(-0x1.05c61p-29f), log_m));
}

// attention_power is 2^x within 2 ulp for the x <= 0 of a softmax, 2^-100 below -100.
INLINE vfloat attention_power(vfloat x) {
	const vfloat round = splat(0x1.8p23f); // adding it rounds to an integer n, whose bits are then the low ones
	x = larger(splat(-100.0f), x);
	vfloat shifted = x + round;
	vfloat r = x - (shifted - round);
	vfloat p = splat(0x1.414ebcp-13f);
	p = multiply_add(p, r, splat(0x1.5f03ecp-10f));
	p = multiply_add(p, r, splat(0x1.3b2e0cp-7f));
	p = multiply_add(p, r, splat(0x1.c6af8ap-5f));
	p = multiply_add(p, r, splat(0x1.ebfbdcp-3f));
	p = multiply_add(p, r, splat(0x1.62e43p-1f));
	p = multiply_add(p, r, splat(1.0f));
	return p * (vfloat)(((vint)shifted << 23) + (127 << 23));
}

#define LOG2_E 0x1.715476p0f

// attention_columns is the columns of the next head in an operand, NULL in one that is left out.
INLINE void *attention_columns(const struct attention_heads *t, const void *x) {
	return x ? (char *)x + t->size * (t->half ? sizeof(uint16_t) : sizeof(float)) : NULL;
}

// attention_next moves on to the next head.
INLINE void attention_next(struct attention_heads *t) {
	t->head++, t->lse++;
	t->q = attention_columns(t, t->q), t->k = attention_columns(t, t->k), t->v = attention_columns(t, t->v);
	t->out = attention_columns(t, t->out), t->dout = attention_columns(t, t->dout);
	t->dq.to = attention_columns(t, t->dq.to), t->dk.to = attention_columns(t, t->dk.to), t->dv.to = attention_columns(t, t->dv.to);
	if (t->bias) t->bias += 2 * t->centre + 1;
	if (t->dbias) t->dbias += 2 * t->centre + 1;
}

#endif
