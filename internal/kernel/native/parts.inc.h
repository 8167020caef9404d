// Numbers in bfloat16 that stand for floats, and the shape of the panels that hold them: see routine.TileDepth.
#ifndef UER_PARTS_INC_H
#define UER_PARTS_INC_H

#include "routines.h"
#include "vecmath.inc.h"

// to_bfloat16 rounds to the nearest number in bfloat16, ties to even, as VCVTNEPS2BF16 does: what is subnormal becomes a zero
// of its sign, and NaN stays NaN.
INLINE vfloat to_bfloat16(vfloat x) {
	const vuint one = (vuint){0} + 1, sign = one << 31, upper = (vuint){0} + 0xffff0000u;
	vuint u = (vuint)x, magnitude = u & ~sign;
	vuint rounded = (u + 0x7fffu + ((u >> 16) & one)) & upper;
	vint subnormal = (vint)(magnitude < (one << 23)), nan = (vint)(magnitude > (vuint){0} + 0x7f800000u);
	vfloat result = select_lanes(nan, (vfloat)((u | (one << 22)) & upper), (vfloat)rounded);
	return select_lanes(subnormal, (vfloat)(u & sign), result);
}

// split makes the parts of floats. With two or three, their sum differs from x by less than 2^-16 or 2^-24 of it.
INLINE void split(const int parts, vfloat x, vfloat *part) {
	UNROLL for (int p = 0; p < parts; p++) {
		part[p] = to_bfloat16(x);
		x -= part[p];
	}
}

// part_products lists routine.Precision.Products, by the number of parts.
static const struct {
	int count, of_a[6], of_b[6];
} part_products[4] = {
	{0, {0}, {0}},
	{1, {0}, {0}},
	{3, {0, 0, 1}, {1, 0, 0}},
	{6, {0, 0, 1, 1, 0, 2}, {2, 1, 1, 0, 0, 0}},
};

// The deepest panel, by parts: few and deep blocks of K cost least, but in one chain over a long K the errors of additions
// would exceed those that the third part avoids.
#define PARTS_DEPTH(parts) ((parts) == 1 ? 1024 : (parts) == 2 ? 768 : 512)

#endif
