// Recurrent layers; see recurrent.h.
#include "recurrent_float.h"
#include "sequences.h"

// StateProducts are W h of the state before.
template <int GATES> struct StateProducts {
	static const int ROWS = FLOAT_ROWS, UNITS = FLOAT_UNITS;
	const float *weight;
	float *tile_of_states, *tile_of_weights;
	int hidden, tokens[COPIES];
	Four rows[COPIES], gates[GATES];
	float sums[GATES];

	METHOD StateProducts(const float *weight, float *states, float *weights)
		: weight(weight), tile_of_states(states), tile_of_weights(weights) {}

	METHOD void begin(int size) { hidden = size; }

	// fetch_gates reads columns from `from` on of the weights of the block's units, gate after gate: each gate has as
	// many lines as a thread copies at one time.
	METHOD void fetch_gates(Four (&fetched)[GATES], int from) {
		int unit = blockIdx.x * UNITS + copy_line(0), column = from + copy_column(0);
		const float *p = weight + (size_t)unit * hidden + column;
#pragma unroll
		for (int gate = 0; gate < GATES; gate++, p += (size_t)hidden * hidden) {
			fetched[gate] = all_four(0);
			if (unit >= hidden || column >= hidden) continue;
			if (hidden % 4 == 0) load(fetched[gate], p);
			else fetched[gate] = read4(p, hidden - column);
		}
	}

	METHOD void fetch(const float *y, int width, const Rows &r, int step, int tile) {
		find_tokens(tokens, r, tile, step - 1, step + 1);
		fetch_rows(rows, y, tokens, width, 0, hidden);
		fetch_gates(gates, 0);
	}

	// multiply reads what comes next while products are computed.
	METHOD void multiply(const float *y, int width, const Rows &, int, int) {
		for (int i = 0; i < GATES; i++) sums[i] = 0;
		for (int from = 0; from < hidden; from += DEPTH) {
#pragma unroll
			for (int i = 0; i < COPIES; i++) store4(tile_of_states + copy_line(i) * LINE + copy_column(i), rows[i]);
#pragma unroll
			for (int gate = 0; gate < GATES; gate++)
				store4(tile_of_weights + (gate * UNITS + copy_line(0)) * LINE + copy_column(0), gates[gate]);
			__syncthreads();
			if (from + DEPTH < hidden) {
				fetch_rows(rows, y, tokens, width, from + DEPTH, hidden);
				fetch_gates(gates, from + DEPTH);
			}
			add_products(sums, tile_of_states + threadIdx.x % ROWS * LINE,
				tile_of_weights + threadIdx.x / ROWS * LINE, UNITS * LINE, smaller(DEPTH, hidden - from));
			__syncthreads();
		}
	}

	METHOD void sum(float (&to)[GATES]) { hand_over(to, sums, tile_of_states); }
};

// y = h; gates hold a. Grid: (⌈hidden/4⌉, groups of rows, directions).
KERNEL_OF(FLOAT_BLOCK, recurrent_tanh_float, float *y, const float *gates, int *arrived, const float *weight0, const float *weight1, BIASES, LAYER) {
	SHARED_FLOATS(states[FLOAT_ROWS * LINE], weights[1 * FLOAT_UNITS * LINE]);
	SHARED_ROWS;
	Layer l = LAYER_OF;
	StateProducts<1> products(of_direction(l, weight0, weight1), states, weights);
	recurrent<TANH_CELL>(y, (float *)gates, 0, 0, BIASES_OF, l, products, table);
}

// y = h; gates hold a and become the gates' values, extra becomes c. Grid: (⌈hidden/4⌉, groups of rows, directions).
KERNEL_OF(FLOAT_BLOCK, recurrent_lstm_float, float *y, float *gates, float *extra, int *arrived, const float *weight0, const float *weight1, BIASES, LAYER) {
	SHARED_FLOATS(states[FLOAT_ROWS * LINE], weights[4 * FLOAT_UNITS * LINE]);
	SHARED_ROWS;
	Layer l = LAYER_OF;
	StateProducts<4> products(of_direction(l, weight0, weight1), states, weights);
	recurrent<LSTM_CELL>(y, gates, extra, 0, BIASES_OF, l, products, table);
}

// y = h; gates hold a and become the gates' values, extra becomes b. Grid: (⌈hidden/4⌉, groups of rows, directions).
KERNEL_OF(FLOAT_BLOCK, recurrent_gru_float, float *y, float *gates, float *extra, float *carry, int *arrived, const float *weight0, const float *weight1, BIASES, LAYER) {
	SHARED_FLOATS(states[FLOAT_ROWS * LINE], weights[3 * FLOAT_UNITS * LINE]);
	SHARED_ROWS;
	Layer l = LAYER_OF;
	StateProducts<3> products(of_direction(l, weight0, weight1), states, weights);
	recurrent<GRU_CELL>(y, gates, extra, carry, BIASES_OF, l, products, table);
}

template <class T> DEVFN void recurrent_before(
	T *before, const T *y, const int *starts, int sequences, int tokens, int hidden, int directions, int direction) {
	Cell c = cell_of<GROUP<T>>(tokens, hidden);
	if (!c.left) return;
	int sequence = sequence_of(starts, sequences, c.row), from = c.row + (direction == 0 ? -1 : 1);
	Elements<GROUP<T>> e = all_of<GROUP<T>>(0);
	if (from >= starts[sequence] && from < starts[sequence + 1])
		e = read<GROUP<T>>(y + ((size_t)from * directions + direction) * hidden + c.column, c.left);
	write(before + c.at, e, c.left);
}

// before[t] is the state that token t starts from in a direction, 0 at the sequence's begin: the factor of the gradient
// of the weights. before [tokens, hidden]. Grid: ⌈tokens·⌈hidden/4⌉/256⌉.
KERNEL_OF(THREADS, recurrent_before_float, float *before, const float *y, const int *starts, int sequences, int tokens,
	int hidden, int directions, int direction) {
	recurrent_before(before, y, starts, sequences, tokens, hidden, directions, direction);
}

// As recurrent_before_float. Grid: ⌈tokens·⌈hidden/8⌉/256⌉.
KERNEL_OF(THREADS, recurrent_before_bf16, bf16 *before, const bf16 *y, const int *starts, int sequences, int tokens,
	int hidden, int directions, int direction) {
	recurrent_before(before, y, starts, sequences, tokens, hidden, directions, direction);
}
