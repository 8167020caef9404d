// The C routines of rowRoutines; rows.go says what each does.
#ifndef UER_ROWS_H
#define UER_ROWS_H

#include <stddef.h>
#include <stdint.h>
#include "native.h"

// As the constants of type Activation.
enum {
	ACTIVATION_NONE,
	ACTIVATION_GELU,
	ACTIVATION_GELU_FAST,
	ACTIVATION_RELU,
	ACTIVATION_SILU,
	ACTIVATION_LINEAR,
	ACTIVATION_TANH,
	ACTIVATION_SIGMOID,
};

// Dropout as dropout.go defines it: elements whose hash is below threshold are dropped, none if it is 0.
typedef struct {
	uint64_t key;
	uint32_t threshold;
	float scale;
} uer_dropout;

// The operands of normForward; sum may be x, and residual, beta and rows may be NULL.
typedef struct {
	size_t count, width;
	const float *gamma, *beta, *x, *residual;
	const int32_t *rows;
	float *y, *sum, *stats;
} uer_norm_forward;

// The operands of normBackward; dx, dresidual and rows may be NULL.
typedef struct {
	size_t count, width;
	const float *gamma, *dy, *sum, *stats;
	const int32_t *rows;
	float *dx, *dresidual, *parameters;
	int accumulate_dx, accumulate_dresidual;
} uer_norm_backward;

// The operands of crossEntropy; dbias may be NULL.
typedef struct {
	size_t rows, classes;
	float *logits, *dbias, *results;
	const int32_t *labels;
	float scale;
} uer_cross_entropy;

typedef struct {
	float rate, beta1, rest1, beta2, rest2, epsilon, decay, gradient_scale; // rest = 1 - beta, decay = rate * weight decay
} uer_adamw;

// As type factors of adafactor.go.
typedef struct {
	size_t count, rows, width;
	const float *gradient;
	float *row, *column;
} uer_factors;

UER_PROTOTYPES(void, activation_forward, (int kind, float *y, const float *x, size_t n))
UER_PROTOTYPES(void, activation_backward, (int kind, float *dx, const float *dy, const float *x, size_t n))
UER_PROTOTYPES(void, gated_forward, (int kind, float *y, const float *gate, const float *x, size_t n))
UER_PROTOTYPES(void, gated_backward,
               (int kind, float *dgate, float *dx, const float *dy, const float *gate, const float *x, size_t n))
UER_PROTOTYPES(void, dropout,
               (float *y, const float *x, const float *residual, size_t count, size_t width, const int32_t *rows, uer_dropout d))
UER_PROTOTYPES(void, norm_forward, (int kind, float epsilon, uer_norm_forward n, uer_dropout d))
UER_PROTOTYPES(void, norm_backward, (int kind, float epsilon, uer_norm_backward n, uer_dropout d))
UER_PROTOTYPES(void, gather,
               (float *out, const float *table, size_t width, const int32_t *ids, size_t n, float scale, int accumulate))
UER_PROTOTYPES(void, scatter,
               (float *table, size_t width, const int32_t *ids, size_t n, const float *x, float scale, size_t first, size_t last))
UER_PROTOTYPES(void, column_sum, (float *out, size_t width, const float *x, size_t rows, size_t stride, int accumulate))
UER_PROTOTYPES(void, add, (float *out, const float *a, const float *b, size_t n))
UER_PROTOTYPES(void, scale, (float *out, const float *x, size_t n, float factor, int accumulate))
UER_PROTOTYPES(double, sum_squares, (const float *x, size_t n))
UER_PROTOTYPES(int, all_finite, (const float *x, size_t n))
UER_PROTOTYPES(void, cross_entropy, (uer_cross_entropy t))
UER_PROTOTYPES(void, adamw, (uer_adamw a, float *parameters, const float *gradients, float *first, float *second, size_t n))
UER_PROTOTYPES(void, factored_sums, (uer_factors f))
UER_PROTOTYPES(double, factored_squares, (uer_factors f))
UER_PROTOTYPES(void, factored_update, (uer_factors f, float *parameters, float rate, float decay))

#endif
