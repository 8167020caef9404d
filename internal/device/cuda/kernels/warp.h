// Sums and maxima over the lanes of a warp. All lanes get the same bits, since they add the same pairs.
#pragma once
#include "device.h"

DEVFN float warp_sum(float x) {
	for (int d = 16; d > 0; d >>= 1) x += __shfl_xor_sync(0xffffffffu, x, d);
	return x;
}

DEVFN float warp_largest(float x) {
	for (int d = 16; d > 0; d >>= 1) x = larger(x, __shfl_xor_sync(0xffffffffu, x, d));
	return x;
}
