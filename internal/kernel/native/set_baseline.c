//go:build cgo

// The routines compiled for what every processor of the architecture has: SSE2 on amd64, NEON on arm64.
#define VECTOR_BYTES 16
#define NAME(name) uer_##name##_baseline

#include "set.inc.h"
