//go:build cgo && amd64

// As set_amx.c, with the tiles emulated, for tests on processors that have AVX-512 BF16 only.
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,avx2,fma,f16c"))), apply_to = function)
#else
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,avx2,fma,f16c,prefer-vector-width=512")
#endif

#define UER_SET_AVX512 1
#define UER_VCVTNEPS2BF16 1
#define UER_AMX_EMULATED 1
#define VECTOR_BYTES 64

#include "attention_amx.inc.h"
#include "attention_tiles.inc.h"

const struct set uer_set_amx_emulated = {
	.matmul = {[BFLOAT16] = AMX_MATMUL(1), [BFLOAT16X3] = AMX_MATMUL(2), [BFLOAT16X6] = AMX_MATMUL(3)},
	.tile_attention_forward = tile_attention_forward,
	.tile_attention_backward = tile_attention_backward,
};

#if defined(__clang__)
#pragma clang attribute pop
#endif
