// Scratch memory, which begins anywhere.
#ifndef UER_SCRATCH_INC_H
#define UER_SCRATCH_INC_H

#include "routines.h"
#include "vector.h"

// on_line is the first address at or after p that begins a cache line.
INLINE float *on_line(float *p) {
	const uintptr_t bytes = CACHE_LINE * sizeof *p;
	return (float *)(((uintptr_t)p + bytes - 1) / bytes * bytes);
}

// carve takes n floats off scratch memory, in lines of the cache.
INLINE float *carve(float **scratch, size_t n) {
	float *taken = *scratch;
	*scratch += round_up(n, CACHE_LINE);
	return taken;
}

#endif
