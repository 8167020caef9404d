// Steps of recurrent layers over ragged sequences, of all that are long enough for the step and in one direction or
// both. What tokens contribute on their own, the products with the input and those of the weights' gradients, is no
// part of a step.
//
// Rows are sequences in the order of SequenceOrder, longest first, of which the first `alive` take the step. At step i,
// row r is at token i of its sequence from the front (direction 0) or from the back (direction 1). In comments: y and
// its gradient [tokens, directions·hidden]; gates and theirs [directions, tokens, G·hidden] with G gates, of a tanh
// cell y itself; extra [directions, tokens, hidden]; the weights of each direction [G·hidden, hidden], the second null
// for one direction; starts [sequences+1]; order [sequences]. With a the gates' sums with the input, s = W h of the
// state before and σ the logistic function:
//   tanh: h = tanh(a + s)
//   lstm: gates i, f, g, o of a + s; c = σ(f) c_before + σ(i) tanh(g), h = σ(o) tanh(c)
//   gru:  gates r, z, n; b = s_n + bias, R = σ(a_r + s_r), Z = σ(a_z + s_z), N = tanh(a_n + R b), h = (1-Z) N + Z
//   h_before
#include "recurrent.h"
#include "sequences.h"

// fetch_gates reads columns from `from` on of the weights of the block's units, gate after gate: each gate has as many
// lines as a thread copies at one time.
template <int GATES> DEVFN void fetch_gates(Four (&fetched)[GATES], const float *weight, int hidden, int from) {
#pragma unroll
	for (int gate = 0; gate < GATES; gate++) {
		int unit = blockIdx.x * UNITS + copy_line(0), column = from + copy_column(0);
		fetched[gate] = all_four(0);
		if (unit < hidden && column < hidden)
			fetched[gate] = read4(weight + ((size_t)gate * hidden + unit) * hidden + column, hidden - column);
	}
}

// state_products adds W h_before of a thread's unit and row to the sums of the gates. x is y at the direction's first
// column. What comes next is read while products are computed.
template <int GATES> DEVFN void state_products(float (&sums)[GATES], const float *x, const float *weight, const Step &s,
	int direction, float *states, float *weights) {
	int tokens[COPIES];
	Four rows[COPIES], gates[GATES];
	find_tokens(tokens, s, s.alive, direction, direction == 0 ? -1 : 1);
	fetch_rows(rows, x, tokens, s.directions * s.hidden, 0, s.hidden);
	fetch_gates(gates, weight, s.hidden, 0);
	for (int from = 0; from < s.hidden; from += DEPTH) {
#pragma unroll
		for (int i = 0; i < COPIES; i++) store4(states + copy_line(i) * LINE + copy_column(i), rows[i]);
#pragma unroll
		for (int gate = 0; gate < GATES; gate++)
			store4(weights + (gate * UNITS + copy_line(0)) * LINE + copy_column(0), gates[gate]);
		__syncthreads();
		if (from + DEPTH < s.hidden) {
			fetch_rows(rows, x, tokens, s.directions * s.hidden, from + DEPTH, s.hidden);
			fetch_gates(gates, weight, s.hidden, from + DEPTH);
		}
		add_products(sums, states + threadIdx.x / UNITS * LINE, weights + threadIdx.x % UNITS * LINE, UNITS * LINE,
			smaller(DEPTH, s.hidden - from));
		__syncthreads();
	}
}

template <int CELL> DEVFN void recurrent(float *y, float *gates, float *extra, const float *weight, const float *bias,
	const Step &s, float *states, float *weights) {
	const int GATES = gates_of<CELL>();
	int direction = blockIdx.z, row = own_row(), unit = own_unit(), hidden = s.hidden;
	float sums[GATES] = {};
	y += direction * hidden;
	if (s.step > 0) state_products(sums, y, weight, s, direction, states, weights);
	if (row >= s.alive || unit >= hidden) return;
	int token = token_of(s, row, direction), before = token + (direction == 0 ? -1 : 1);
	float *h = y + (size_t)token * s.directions * hidden + unit,
		  *memory = extra + ((size_t)direction * s.tokens + token) * hidden + unit;
	float *a =
		gates + ((size_t)direction * s.tokens + token) * GATES * hidden + unit; // one gate is `hidden` from the next
	if (CELL == TANH_CELL) {
		*h = tanh32(*h + sums[0]);
	} else if (CELL == LSTM_CELL) {
		float i = sigmoid32(a[0] + sums[0]).value, f = sigmoid32(a[hidden] + sums[1]).value;
		float g = tanh32(a[2 * hidden] + sums[2]), o = sigmoid32(a[3 * hidden] + sums[3]).value, c = i * g;
		if (s.step > 0) c += f * extra[((size_t)direction * s.tokens + before) * hidden + unit];
		a[0] = i, a[hidden] = f, a[2 * hidden] = g, a[3 * hidden] = o, *memory = c;
		*h = o * tanh32(c);
	} else {
		float b = sums[2] + bias[unit];
		float r = sigmoid32(a[0] + sums[0]).value, z = sigmoid32(a[hidden] + sums[1]).value,
			  n = tanh32(a[2 * hidden] + r * b);
		a[0] = r, a[hidden] = z, a[2 * hidden] = n, *memory = b;
		*h = (1 - z) * n;
		if (s.step > 0) *h += z * y[(size_t)before * s.directions * hidden + unit];
	}
}

// y holds a, and becomes h. Grid: (⌈hidden/8⌉, ⌈alive/32⌉, directions).
KERNEL_OF(THREADS, recurrent_tanh_float, float *y, const float *weight0, const float *weight1, STEP) {
	SHARED_FLOATS(states[ROWS * LINE], weights[UNITS * LINE]);
	Step s = STEP_OF;
	recurrent<TANH_CELL>(y, 0, 0, blockIdx.z == 0 ? weight0 : weight1, 0, s, states, weights);
}

// y becomes h, gates hold a and become the gates' values, extra becomes c. Grid: (⌈hidden/8⌉, ⌈alive/32⌉, directions).
KERNEL_OF(THREADS, recurrent_lstm_float, float *y, float *gates, float *extra, const float *weight0,
	const float *weight1, STEP) {
	SHARED_FLOATS(states[ROWS * LINE], weights[4 * UNITS * LINE]);
	Step s = STEP_OF;
	recurrent<LSTM_CELL>(y, gates, extra, blockIdx.z == 0 ? weight0 : weight1, 0, s, states, weights);
}

// y becomes h, gates hold a and become the gates' values, extra becomes b. The biases [hidden] of each direction are
// those of gate n's product with the state. Grid: (⌈hidden/8⌉, ⌈alive/32⌉, directions).
KERNEL_OF(THREADS, recurrent_gru_float, float *y, float *gates, float *extra, const float *weight0,
	const float *weight1, const float *bias0, const float *bias1, STEP) {
	SHARED_FLOATS(states[ROWS * LINE], weights[3 * UNITS * LINE]);
	Step s = STEP_OF;
	bool back = blockIdx.z == 1;
	recurrent<GRU_CELL>(y, gates, extra, back ? weight1 : weight0, back ? bias1 : bias0, s, states, weights);
}

// before[t] is the state that token t starts from in a direction, 0 at the sequence's begin: the factor of the gradient
// of the weights. before [tokens, hidden]. Grid: ⌈tokens·⌈hidden/4⌉/256⌉.
KERNEL_OF(THREADS, recurrent_before_float, float *before, const float *y, const int *starts, int sequences, int tokens,
	int hidden, int directions, int direction) {
	Cell c = cell_of(tokens, hidden);
	if (!c.left) return;
	int sequence = sequence_of(starts, sequences, c.row), from = c.row + (direction == 0 ? -1 : 1);
	Four f = all_four(0);
	if (from >= starts[sequence] && from < starts[sequence + 1])
		f = read4(y + ((size_t)from * directions + direction) * hidden + c.column, c.left);
	write4(before + c.at, f, c.left);
}
