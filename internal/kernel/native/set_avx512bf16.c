//go:build cgo && amd64

// The products of AVX-512 with factors in bfloat16, for processors that multiply them. The target comes before any
// include, so that it covers what headers define.
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,avx2,fma,f16c"))), apply_to = function)
#else
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,avx2,fma,f16c,prefer-vector-width=512")
#endif

#define UER_SET_AVX512 1
#define UER_BF16 1
#define VECTOR_BYTES 64

#include "matmul.inc.h"

const struct matmul uer_matmul_avx512bf16 = MATMUL;

#if defined(__clang__)
#pragma clang attribute pop
#endif
