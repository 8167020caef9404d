// Recurrent layers of tanh cells in bfloat16; see recurrent.h. Kernels with a number are for so many units at most, in
// multiples of 32, and keep the weights in registers.
#include "recurrent_bf16.h"

// y = h; gates hold a. Grid: (⌈hidden/16⌉, groups of rows, directions).
KERNEL_OF(TENSOR_BLOCK, recurrent_tanh_512_bf16, bf16 *y, const float *gates, int *arrived, const bf16 *weight0, const bf16 *weight1, BIASES, LAYER) {
	SHARED_SUMS(1);
	SHARED_ROWS;
	Layer l = LAYER_OF;
	StateProducts<1, 2> products(of_direction(l, weight0, weight1), sums);
	recurrent<TANH_CELL>(y, (float *)gates, 0, 0, BIASES_OF, l, products, table);
}

// As recurrent_tanh_512_bf16. Grid: (⌈hidden/16⌉, groups of rows, directions).
KERNEL_OF(TENSOR_BLOCK, recurrent_tanh_768_bf16, bf16 *y, const float *gates, int *arrived, const bf16 *weight0, const bf16 *weight1, BIASES, LAYER) {
	SHARED_SUMS(1);
	SHARED_ROWS;
	Layer l = LAYER_OF;
	StateProducts<1, 3> products(of_direction(l, weight0, weight1), sums);
	recurrent<TANH_CELL>(y, (float *)gates, 0, 0, BIASES_OF, l, products, table);
}

// As recurrent_tanh_512_bf16. Grid: (⌈hidden/16⌉, groups of rows, directions).
KERNEL_OF(TENSOR_BLOCK, recurrent_tanh_1024_bf16, bf16 *y, const float *gates, int *arrived, const bf16 *weight0, const bf16 *weight1, BIASES, LAYER) {
	SHARED_SUMS(1);
	SHARED_ROWS;
	Layer l = LAYER_OF;
	StateProducts<1, 4> products(of_direction(l, weight0, weight1), sums);
	recurrent<TANH_CELL>(y, (float *)gates, 0, 0, BIASES_OF, l, products, table);
}

// As recurrent_tanh_512_bf16. Grid: (⌈hidden/16⌉, groups of rows, directions).
KERNEL_OF(TENSOR_BLOCK, recurrent_tanh_bf16, bf16 *y, const float *gates, int *arrived, const bf16 *weight0, const bf16 *weight1, BIASES, LAYER) {
	SHARED_SUMS(1);
	SHARED_ROWS;
	Layer l = LAYER_OF;
	StateProducts<1, 0> products(of_direction(l, weight0, weight1), sums);
	recurrent<TANH_CELL>(y, (float *)gates, 0, 0, BIASES_OF, l, products, table);
}

// dgates is the gradient of a. Grid: (⌈hidden/16⌉, groups of rows, directions).
KERNEL_OF(TENSOR_BLOCK, recurrent_tanh_gradient_512_bf16, bf16 *dgates, int *arrived, const bf16 *dy, const bf16 *y, const bf16 *weight0, const bf16 *weight1, LAYER) {
	SHARED_SUMS(1);
	SHARED_ROWS;
	Layer l = LAYER_OF;
	GradientProducts<TANH_CELL, 2> products(of_direction(l, weight0, weight1), sums);
	recurrent_gradient<TANH_CELL>(dgates, (bf16 *)0, 0, dy, y, 0, 0, l, products, table);
}

// As recurrent_tanh_gradient_512_bf16. Grid: (⌈hidden/16⌉, groups of rows, directions).
KERNEL_OF(TENSOR_BLOCK, recurrent_tanh_gradient_768_bf16, bf16 *dgates, int *arrived, const bf16 *dy, const bf16 *y, const bf16 *weight0, const bf16 *weight1, LAYER) {
	SHARED_SUMS(1);
	SHARED_ROWS;
	Layer l = LAYER_OF;
	GradientProducts<TANH_CELL, 3> products(of_direction(l, weight0, weight1), sums);
	recurrent_gradient<TANH_CELL>(dgates, (bf16 *)0, 0, dy, y, 0, 0, l, products, table);
}

// As recurrent_tanh_gradient_512_bf16. Grid: (⌈hidden/16⌉, groups of rows, directions).
KERNEL_OF(TENSOR_BLOCK, recurrent_tanh_gradient_1024_bf16, bf16 *dgates, int *arrived, const bf16 *dy, const bf16 *y, const bf16 *weight0, const bf16 *weight1, LAYER) {
	SHARED_SUMS(1);
	SHARED_ROWS;
	Layer l = LAYER_OF;
	GradientProducts<TANH_CELL, 4> products(of_direction(l, weight0, weight1), sums);
	recurrent_gradient<TANH_CELL>(dgates, (bf16 *)0, 0, dy, y, 0, 0, l, products, table);
}

// As recurrent_tanh_gradient_512_bf16. Grid: (⌈hidden/16⌉, groups of rows, directions).
KERNEL_OF(TENSOR_BLOCK, recurrent_tanh_gradient_bf16, bf16 *dgates, int *arrived, const bf16 *dy, const bf16 *y, const bf16 *weight0, const bf16 *weight1, LAYER) {
	SHARED_SUMS(1);
	SHARED_ROWS;
	Layer l = LAYER_OF;
	GradientProducts<TANH_CELL, 0> products(of_direction(l, weight0, weight1), sums);
	recurrent_gradient<TANH_CELL>(dgates, (bf16 *)0, 0, dy, y, 0, 0, l, products, table);
}
