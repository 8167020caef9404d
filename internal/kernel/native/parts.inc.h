// Numbers in bfloat16 that stand for floats, and the shape of the panels that hold them: see routine.TileDepth.
#ifndef UER_PARTS_INC_H
#define UER_PARTS_INC_H

#include "halves.inc.h"

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
