// The tiles of AMX by instructions that more processors have, for tests of what uses them. The bits are those of the
// hardware, NaN apart, as 230 million elements of all kinds have shown.
#ifndef UER_AMX_EMULATED_INC_H
#define UER_AMX_EMULATED_INC_H

#include "vector.h"

static _Thread_local struct {
	vfloat tile[8][LANES]; // [rows]
} emulated;

#define TILE_ZERO(t) memset(emulated.tile[t], 0, sizeof emulated.tile[t])
#define TILE_LOAD(t, p, stride) emulated_load(t, p, stride)
#define TILE_LOAD_ONCE(t, p, stride) emulated_load(t, p, stride)
#define TILE_STORE(t, p, stride) emulated_store(t, p, stride)
#define TILE_MULTIPLY(c, a, b) emulated_multiply(c, a, b)
#define TILE_LOADS_FOLLOW()

static void tiles_begin(void) { memset(&emulated, 0xff, sizeof emulated); } // NaN: what is not loaded shows
static void tiles_end(void) { memset(&emulated, 0xff, sizeof emulated); }

static void emulated_load(int t, const void *p, size_t stride) {
	for (size_t r = 0; r < LANES; r++) memcpy(&emulated.tile[t][r], (const char *)p + r * stride, sizeof emulated.tile[t][r]);
}

static void emulated_store(int t, void *p, size_t stride) {
	for (size_t r = 0; r < LANES; r++) memcpy((char *)p + r * stride, &emulated.tile[t][r], sizeof emulated.tile[t][r]);
}

// emulated_row is a row of TDPBF16PS: two chains over 16 pairs, which are added to each other and then to the sum.
static __attribute__((noinline)) void emulated_row(vfloat *sum, const vfloat *a, const vfloat *b) {
	const vuint upper = (vuint){0} + 0xffff0000u;
	vfloat even = splat(0), odd = splat(0);
	for (size_t pair = 0; pair < LANES; pair++) {
		vfloat x = splat((*a)[pair]);
		even = multiply_add((vfloat)((vuint)x << 16), (vfloat)((vuint)b[pair] << 16), even);
		odd = multiply_add((vfloat)((vuint)x & upper), (vfloat)((vuint)b[pair] & upper), odd);
	}
	*sum += even + odd;
}

static void emulated_multiply(int c, int a, int b) {
	unsigned mode = _mm_getcsr();
	_mm_setcsr(mode | 0x8040); // subnormal results to zero, and operands as zeros
	for (size_t r = 0; r < LANES; r++) emulated_row(&emulated.tile[c][r], &emulated.tile[a][r], emulated.tile[b]);
	_mm_setcsr(mode);
}

#endif
