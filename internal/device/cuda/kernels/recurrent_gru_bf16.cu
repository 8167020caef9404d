// Recurrent layers of gru cells in bfloat16; see recurrent.h. Kernels with a number are for so many units at most, in
// multiples of 32, and keep the weights in registers.
#include "recurrent_bf16.h"

// y = h; gates hold a and become the gates' values, extra becomes b. Grid: (⌈hidden/16⌉, groups of rows, directions).
KERNEL_OF(TENSOR_BLOCK, recurrent_gru_512_bf16, bf16 *y, float *gates, float *extra, float *carry, int *arrived, const bf16 *weight0, const bf16 *weight1, BIASES, LAYER) {
	SHARED_SUMS(3);
	SHARED_ROWS;
	Layer l = LAYER_OF;
	StateProducts<3, 2> products(of_direction(l, weight0, weight1), sums);
	recurrent<GRU_CELL>(y, gates, extra, carry, BIASES_OF, l, products, table);
}

// As recurrent_gru_512_bf16. Grid: (⌈hidden/16⌉, groups of rows, directions).
KERNEL_OF(TENSOR_BLOCK, recurrent_gru_768_bf16, bf16 *y, float *gates, float *extra, float *carry, int *arrived, const bf16 *weight0, const bf16 *weight1, BIASES, LAYER) {
	SHARED_SUMS(3);
	SHARED_ROWS;
	Layer l = LAYER_OF;
	StateProducts<3, 3> products(of_direction(l, weight0, weight1), sums);
	recurrent<GRU_CELL>(y, gates, extra, carry, BIASES_OF, l, products, table);
}

// As recurrent_gru_512_bf16. Grid: (⌈hidden/16⌉, groups of rows, directions).
KERNEL_OF(TENSOR_BLOCK, recurrent_gru_1024_bf16, bf16 *y, float *gates, float *extra, float *carry, int *arrived, const bf16 *weight0, const bf16 *weight1, BIASES, LAYER) {
	SHARED_SUMS(3);
	SHARED_ROWS;
	Layer l = LAYER_OF;
	StateProducts<3, 4> products(of_direction(l, weight0, weight1), sums);
	recurrent<GRU_CELL>(y, gates, extra, carry, BIASES_OF, l, products, table);
}

// As recurrent_gru_512_bf16. Grid: (⌈hidden/16⌉, groups of rows, directions).
KERNEL_OF(TENSOR_BLOCK, recurrent_gru_bf16, bf16 *y, float *gates, float *extra, float *carry, int *arrived, const bf16 *weight0, const bf16 *weight1, BIASES, LAYER) {
	SHARED_SUMS(3);
	SHARED_ROWS;
	Layer l = LAYER_OF;
	StateProducts<3, 0> products(of_direction(l, weight0, weight1), sums);
	recurrent<GRU_CELL>(y, gates, extra, carry, BIASES_OF, l, products, table);
}

// dgates are the gradients of a, dextra is that of b. Grid: (⌈hidden/16⌉, groups of rows, directions).
KERNEL_OF(TENSOR_BLOCK, recurrent_gru_gradient_512_bf16, bf16 *dgates, bf16 *dextra, float *carry, int *arrived, const bf16 *dy, const bf16 *y, const float *gates, const float *extra, const bf16 *weight0, const bf16 *weight1, LAYER) {
	SHARED_SUMS(1);
	SHARED_ROWS;
	Layer l = LAYER_OF;
	GradientProducts<GRU_CELL, 2> products(of_direction(l, weight0, weight1), sums);
	recurrent_gradient<GRU_CELL>(dgates, dextra, carry, dy, y, gates, extra, l, products, table);
}

// As recurrent_gru_gradient_512_bf16. Grid: (⌈hidden/16⌉, groups of rows, directions).
KERNEL_OF(TENSOR_BLOCK, recurrent_gru_gradient_768_bf16, bf16 *dgates, bf16 *dextra, float *carry, int *arrived, const bf16 *dy, const bf16 *y, const float *gates, const float *extra, const bf16 *weight0, const bf16 *weight1, LAYER) {
	SHARED_SUMS(1);
	SHARED_ROWS;
	Layer l = LAYER_OF;
	GradientProducts<GRU_CELL, 3> products(of_direction(l, weight0, weight1), sums);
	recurrent_gradient<GRU_CELL>(dgates, dextra, carry, dy, y, gates, extra, l, products, table);
}

// As recurrent_gru_gradient_512_bf16. Grid: (⌈hidden/16⌉, groups of rows, directions).
KERNEL_OF(TENSOR_BLOCK, recurrent_gru_gradient_1024_bf16, bf16 *dgates, bf16 *dextra, float *carry, int *arrived, const bf16 *dy, const bf16 *y, const float *gates, const float *extra, const bf16 *weight0, const bf16 *weight1, LAYER) {
	SHARED_SUMS(1);
	SHARED_ROWS;
	Layer l = LAYER_OF;
	GradientProducts<GRU_CELL, 4> products(of_direction(l, weight0, weight1), sums);
	recurrent_gradient<GRU_CELL>(dgates, dextra, carry, dy, y, gates, extra, l, products, table);
}

// As recurrent_gru_gradient_512_bf16. Grid: (⌈hidden/16⌉, groups of rows, directions).
KERNEL_OF(TENSOR_BLOCK, recurrent_gru_gradient_bf16, bf16 *dgates, bf16 *dextra, float *carry, int *arrived, const bf16 *dy, const bf16 *y, const float *gates, const float *extra, const bf16 *weight0, const bf16 *weight1, LAYER) {
	SHARED_SUMS(1);
	SHARED_ROWS;
	Layer l = LAYER_OF;
	GradientProducts<GRU_CELL, 0> products(of_direction(l, weight0, weight1), sums);
	recurrent_gradient<GRU_CELL>(dgates, dextra, carry, dy, y, gates, extra, l, products, table);
}
