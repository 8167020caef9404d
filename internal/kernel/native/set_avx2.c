//go:build cgo && amd64

// The routines compiled for AVX2 with fused multiply-add. The target comes before any include, so that it covers
// what headers define.
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#else
#pragma GCC target("avx2,fma,f16c")
#endif

#define UER_SET_AVX2 1
#define VECTOR_BYTES 32
#define NAME(name) uer_##name##_avx2

#include "set.inc.h"

#if defined(__clang__)
#pragma clang attribute pop
#endif
