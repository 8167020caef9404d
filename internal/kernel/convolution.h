// The C routines of convolutionRoutines; convolution_gather.go says what each does.
#ifndef UER_CONVOLUTION_H
#define UER_CONVOLUTION_H

#include <stddef.h>

#include "native.h"

UER_PROTOTYPES(void, windows,
               (float *to, const float *x, size_t width, size_t row, size_t rows, size_t taps, size_t channels))
UER_PROTOTYPES(void, split_taps,
               (float *to, size_t tap_stride, const float *weights, size_t leading, size_t rows, size_t taps, size_t channels))

#endif
