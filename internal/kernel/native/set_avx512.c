//go:build cgo && amd64

// The routines compiled for AVX-512. The target comes before any include, so that it covers what headers define.
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c"))), apply_to = function)
#else
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c,prefer-vector-width=512")
#endif

#define UER_SET_AVX512 1
#define VECTOR_BYTES 64
#define NAME(name) uer_##name##_avx512

#include "set.inc.h"

#if defined(__clang__)
#pragma clang attribute pop
#endif
