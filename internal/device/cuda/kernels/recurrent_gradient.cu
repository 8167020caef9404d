// Gradients of recurrent layers; see recurrent.h.
#include "recurrent_float.h"

// GradientProducts are Wᵀ ds of the step after, gate after gate.
template <int CELL> struct GradientProducts {
	static const int ROWS = FLOAT_ROWS, UNITS = FLOAT_UNITS, GATES = gates_of<CELL>();
	const float *weight;
	float *tile_of_slopes, *tile_of_weights;
	int hidden, tokens[COPIES];
	Four fetched[COPIES], lines;
	float sums[1];

	METHOD GradientProducts(const float *weight, float *slopes, float *tile)
		: weight(weight), tile_of_slopes(slopes), tile_of_weights(tile) {}

	METHOD void begin(int size) { hidden = size; }

	// fetch_weights reads lines from `from` on of the weights of one gate, at the columns of the block's units: four
	// columns of one line.
	METHOD Four fetch_weights(int gate, int from) {
		int line = from + threadIdx.x, unit = blockIdx.x * UNITS;
		if (line >= hidden || unit >= hidden) return all_four(0);
		return read4(weight + ((size_t)gate * hidden + line) * hidden + unit, hidden - unit);
	}

	// read reads a part of a gate's slopes, and of its weights.
	METHOD void read(const float *dgates, const float *dextra, int gate, int from) {
		if (CELL == GRU_CELL && gate == 2) fetch_rows(fetched, dextra, tokens, hidden, from, hidden);
		else fetch_rows(fetched, dgates + gate * hidden, tokens, GATES * hidden, from, hidden);
		lines = fetch_weights(gate, from);
	}

	METHOD void fetch(const float *dgates, const float *dextra, const Rows &r, int step, int tile) {
		find_tokens(tokens, r, tile, step + 1, step + 2);
		read(dgates, dextra, 0, 0);
	}

	// multiply reads what comes next while products are computed.
	METHOD void multiply(const float *dgates, const float *dextra, const Rows &, int, int) {
		int parts = (hidden + DEPTH - 1) / DEPTH; // of each gate
		sums[0] = 0;
		for (int i = 0; i < GATES * parts; i++) {
#pragma unroll
			for (int c = 0; c < COPIES; c++)
				store4(tile_of_slopes + copy_line(c) * LINE + copy_column(c), fetched[c]);
			for (int j = 0; j < UNITS; j++) tile_of_weights[j * LINE + threadIdx.x] = lines.at[j];
			__syncthreads();
			if (i + 1 < GATES * parts) read(dgates, dextra, (i + 1) / parts, (i + 1) % parts * DEPTH);
			add_products(sums, tile_of_slopes + threadIdx.x % ROWS * LINE, tile_of_weights + threadIdx.x / ROWS * LINE, 0, DEPTH);
			__syncthreads();
		}
	}

	METHOD void sum(float &to) {
		float own[1];
		hand_over(own, sums, tile_of_slopes);
		to = own[0];
	}
};

#define GRADIENT_TILES SHARED_FLOATS(slopes[FLOAT_ROWS * LINE], tile[FLOAT_UNITS * LINE])

// dgates is the gradient of a. Grid: (⌈hidden/4⌉, groups of rows, directions).
KERNEL_OF(FLOAT_BLOCK, recurrent_tanh_gradient_float, float *dgates, int *arrived, const float *dy, const float *y, const float *weight0, const float *weight1, LAYER) {
	GRADIENT_TILES;
	SHARED_ROWS;
	Layer l = LAYER_OF;
	GradientProducts<TANH_CELL> products(of_direction(l, weight0, weight1), slopes, tile);
	recurrent_gradient<TANH_CELL>(dgates, (float *)0, 0, dy, y, 0, 0, l, products, table);
}

// dgates are the gradients of a. Grid: (⌈hidden/4⌉, groups of rows, directions).
KERNEL_OF(FLOAT_BLOCK, recurrent_lstm_gradient_float, float *dgates, float *carry, int *arrived, const float *dy, const float *gates, const float *extra, const float *weight0, const float *weight1, LAYER) {
	GRADIENT_TILES;
	SHARED_ROWS;
	Layer l = LAYER_OF;
	GradientProducts<LSTM_CELL> products(of_direction(l, weight0, weight1), slopes, tile);
	recurrent_gradient<LSTM_CELL>(dgates, (float *)0, carry, dy, (const float *)0, gates, extra, l, products, table);
}

// dgates are the gradients of a, dextra is that of b. Grid: (⌈hidden/4⌉, groups of rows, directions).
KERNEL_OF(FLOAT_BLOCK, recurrent_gru_gradient_float, float *dgates, float *dextra, float *carry, int *arrived, const float *dy, const float *y, const float *gates, const float *extra, const float *weight0, const float *weight1, LAYER) {
	GRADIENT_TILES;
	SHARED_ROWS;
	Layer l = LAYER_OF;
	GradientProducts<GRU_CELL> products(of_direction(l, weight0, weight1), slopes, tile);
	recurrent_gradient<GRU_CELL>(dgates, dextra, carry, dy, y, gates, extra, l, products, table);
}
