// Recurrent layers of lstm cells in bfloat16; see recurrent.h. Kernels with a number are for so many units at most, in
// multiples of 32, and keep the weights in registers.
#include "recurrent_bf16.h"

// y = h; gates hold a and become the gates' values, extra becomes c. Grid: (⌈hidden/16⌉, groups of rows, directions).
KERNEL_OF(TENSOR_BLOCK, recurrent_lstm_512_bf16, bf16 *y, float *gates, float *extra, int *arrived, const bf16 *weight0, const bf16 *weight1, BIASES, LAYER) {
	SHARED_SUMS(4);
	SHARED_ROWS;
	Layer l = LAYER_OF;
	StateProducts<4, 2> products(of_direction(l, weight0, weight1), sums);
	recurrent<LSTM_CELL>(y, gates, extra, 0, BIASES_OF, l, products, table);
}

// As recurrent_lstm_512_bf16. Grid: (⌈hidden/16⌉, groups of rows, directions).
KERNEL_OF(TENSOR_BLOCK, recurrent_lstm_768_bf16, bf16 *y, float *gates, float *extra, int *arrived, const bf16 *weight0, const bf16 *weight1, BIASES, LAYER) {
	SHARED_SUMS(4);
	SHARED_ROWS;
	Layer l = LAYER_OF;
	StateProducts<4, 3> products(of_direction(l, weight0, weight1), sums);
	recurrent<LSTM_CELL>(y, gates, extra, 0, BIASES_OF, l, products, table);
}

// As recurrent_lstm_512_bf16. Grid: (⌈hidden/16⌉, groups of rows, directions).
KERNEL_OF(TENSOR_BLOCK, recurrent_lstm_1024_bf16, bf16 *y, float *gates, float *extra, int *arrived, const bf16 *weight0, const bf16 *weight1, BIASES, LAYER) {
	SHARED_SUMS(4);
	SHARED_ROWS;
	Layer l = LAYER_OF;
	StateProducts<4, 4> products(of_direction(l, weight0, weight1), sums);
	recurrent<LSTM_CELL>(y, gates, extra, 0, BIASES_OF, l, products, table);
}

// As recurrent_lstm_512_bf16. Grid: (⌈hidden/16⌉, groups of rows, directions).
KERNEL_OF(TENSOR_BLOCK, recurrent_lstm_bf16, bf16 *y, float *gates, float *extra, int *arrived, const bf16 *weight0, const bf16 *weight1, BIASES, LAYER) {
	SHARED_SUMS(4);
	SHARED_ROWS;
	Layer l = LAYER_OF;
	StateProducts<4, 0> products(of_direction(l, weight0, weight1), sums);
	recurrent<LSTM_CELL>(y, gates, extra, 0, BIASES_OF, l, products, table);
}

// dgates are the gradients of a. Grid: (⌈hidden/16⌉, groups of rows, directions).
KERNEL_OF(TENSOR_BLOCK, recurrent_lstm_gradient_512_bf16, bf16 *dgates, float *carry, int *arrived, const bf16 *dy, const float *gates, const float *extra, const bf16 *weight0, const bf16 *weight1, LAYER) {
	SHARED_SUMS(1);
	SHARED_ROWS;
	Layer l = LAYER_OF;
	GradientProducts<LSTM_CELL, 2> products(of_direction(l, weight0, weight1), sums);
	recurrent_gradient<LSTM_CELL>(dgates, (bf16 *)0, carry, dy, (const bf16 *)0, gates, extra, l, products, table);
}

// As recurrent_lstm_gradient_512_bf16. Grid: (⌈hidden/16⌉, groups of rows, directions).
KERNEL_OF(TENSOR_BLOCK, recurrent_lstm_gradient_768_bf16, bf16 *dgates, float *carry, int *arrived, const bf16 *dy, const float *gates, const float *extra, const bf16 *weight0, const bf16 *weight1, LAYER) {
	SHARED_SUMS(1);
	SHARED_ROWS;
	Layer l = LAYER_OF;
	GradientProducts<LSTM_CELL, 3> products(of_direction(l, weight0, weight1), sums);
	recurrent_gradient<LSTM_CELL>(dgates, (bf16 *)0, carry, dy, (const bf16 *)0, gates, extra, l, products, table);
}

// As recurrent_lstm_gradient_512_bf16. Grid: (⌈hidden/16⌉, groups of rows, directions).
KERNEL_OF(TENSOR_BLOCK, recurrent_lstm_gradient_1024_bf16, bf16 *dgates, float *carry, int *arrived, const bf16 *dy, const float *gates, const float *extra, const bf16 *weight0, const bf16 *weight1, LAYER) {
	SHARED_SUMS(1);
	SHARED_ROWS;
	Layer l = LAYER_OF;
	GradientProducts<LSTM_CELL, 4> products(of_direction(l, weight0, weight1), sums);
	recurrent_gradient<LSTM_CELL>(dgates, (bf16 *)0, carry, dy, (const bf16 *)0, gates, extra, l, products, table);
}

// As recurrent_lstm_gradient_512_bf16. Grid: (⌈hidden/16⌉, groups of rows, directions).
KERNEL_OF(TENSOR_BLOCK, recurrent_lstm_gradient_bf16, bf16 *dgates, float *carry, int *arrived, const bf16 *dy, const float *gates, const float *extra, const bf16 *weight0, const bf16 *weight1, LAYER) {
	SHARED_SUMS(1);
	SHARED_ROWS;
	Layer l = LAYER_OF;
	GradientProducts<LSTM_CELL, 0> products(of_direction(l, weight0, weight1), sums);
	recurrent_gradient<LSTM_CELL>(dgates, (bf16 *)0, carry, dy, (const bf16 *)0, gates, extra, l, products, table);
}
