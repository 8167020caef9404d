//go:build cgo && amd64

// What processors with AMX have beside the routines for AVX-512: products and attention with factors in bfloat16 on tiles. The
// target comes before any include, so that it covers what headers define.
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("amx-tile,amx-bf16,avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,avx2,fma,f16c"))), apply_to = function)
#else
#pragma GCC target("amx-tile,amx-bf16,avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,avx2,fma,f16c,prefer-vector-width=512")
#endif

#define UER_SET_AVX512 1
#define UER_VCVTNEPS2BF16 1
#define VECTOR_BYTES 64

#include "attention_amx.inc.h"
#include "attention_tiles.inc.h"

const struct set uer_set_amx = {
	.matmul = {[BFLOAT16] = AMX_MATMUL(1), [BFLOAT16X3] = AMX_MATMUL(2), [BFLOAT16X6] = AMX_MATMUL(3)},
	.tile_attention_forward = tile_attention_forward,
	.tile_attention_backward = tile_attention_backward,
};

#if defined(__clang__)
#pragma clang attribute pop
#endif
