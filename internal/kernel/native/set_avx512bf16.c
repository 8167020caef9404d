//go:build cgo && amd64

// What processors with AVX-512 BF16 have beside the routines for AVX-512: products with factors in bfloat16. The target
// comes before any include, so that it covers what headers define.
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,avx2,fma,f16c"))), apply_to = function)
#else
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,avx2,fma,f16c,prefer-vector-width=512")
#endif

#define UER_SET_AVX512 1
#define UER_VCVTNEPS2BF16 1
#define UER_BF16 1
#define VECTOR_BYTES 64

#include "matmul.inc.h"

const struct set uer_set_avx512bf16 = {.matmul = {[BFLOAT16] = MATMUL}};

#if defined(__clang__)
#pragma clang attribute pop
#endif
