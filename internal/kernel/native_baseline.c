//go:build cgo

// The C routines compiled for what every processor of the architecture has: SSE2 on amd64, NEON on arm64.
#define VECTOR_BYTES 16
#define NAME(name) uer_##name##_baseline

#include "vector.h"

#include "rows.inc.h"
#include "matmul.inc.h"
#include "attention.inc.h"
#include "recurrent.inc.h"
#include "convolution.inc.h"
