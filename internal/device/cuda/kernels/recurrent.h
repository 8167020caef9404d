// Layers of recurrent cells over ragged sequences, step by step in one launch. What tokens contribute on their own, the
// products with the input and those of the weights' gradients, is no part of it.
//
// Rows are sequences in the order of SequenceOrder, longest first, without empty ones. At step i, a row that is long
// enough is at token i of its sequence from the front (direction 0) or from the back (direction 1). A block has some
// units of a direction, and of the rows those tiles whose number is blockIdx.y, and then each gridDim.y-th. Blocks
// of the same direction and rows wait for each other between steps, at a counter of their own, and so have to be launched
// together; a launch of a single step does not wait.
//
// In comments: y and its gradient [tokens, directions·hidden]; gates and theirs [directions, tokens, G·hidden] with G
// gates; extra [directions, tokens, hidden]; carry [directions, sequences, hidden], which need not be set; the weights of
// each direction [G·hidden, hidden], and the biases of input and state [G·hidden]; starts [sequences+1]; order [rows]; arrived [directions, gridDim.y], all 0. With a
// the gates' sums with the input and its bias, s = W h of the state before and σ the logistic function:
//   tanh: h = tanh(a + s)
//   lstm: gates i, f, g, o of a + s; c = σ(f) c_before + σ(i) tanh(g), h = σ(o) tanh(c)
//   gru:  gates r, z, n; b = s_n + bias of the state, R = σ(a_r + s_r), Z = σ(a_z + s_z), N = tanh(a_n + R b), h = (1-Z) N + Z
//   h_before
#pragma once
#include "approximate.h"
#include "blocks.h"
#include "elements.h"
#include "functions.h"

#define METHOD __device__ __forceinline__

enum { TANH_CELL, LSTM_CELL, GRU_CELL };

// gates_of is the number of gates of a cell.
template <int CELL> DEVFN constexpr int gates_of() { return CELL == LSTM_CELL ? 4 : CELL == GRU_CELL ? 3 : 1; }

// Layer is what the kernels of all layers are told: of how many rows, which directions from `direction` on, and which
// steps from `begin` to before `end`.
struct Layer {
	int *arrived;
	const int *starts, *order;
	int rows, sequences, tokens, hidden, directions, direction, begin, end;
};

#define LAYER \
	const int *starts, const int *order, int rows, int sequences, int tokens, int hidden, int directions, \
		int direction, int begin, int end
#define BIASES \
	const float *input_bias0, const float *state_bias0, const float *input_bias1, const float *state_bias1
#define BIASES_OF of_direction(l, input_bias0, input_bias1), of_direction(l, state_bias0, state_bias1)
#define LAYER_OF {arrived, starts, order, rows, sequences, tokens, hidden, directions, direction, begin, end}

// of_direction chooses what belongs to the block's direction.
template <class T> DEVFN T *of_direction(const Layer &l, T *forward, T *backward) {
	return l.direction + blockIdx.z == 0 ? forward : backward;
}

const int MOST_ROWS = 1024; // of a block

// Rows are those of a block, tile after tile, in shared memory.
struct Rows {
	int *first, *length; // the token of step 0; 0 for rows that do not exist
	int tiles;
	int sign; // of the distance to the token of the next step

	METHOD int token(int row, int step) const { return first[row] + sign * step; }
};

#define SHARED_ROWS __shared__ int table[2 * MOST_ROWS]

// find_rows fills the table.
template <int ROWS, int UNITS> DEVFN Rows find_rows(int *table, const Layer &l, int direction) {
	Rows r = {table, table + MOST_ROWS, 0, direction == 0 ? 1 : -1};
	r.tiles = ((l.rows + ROWS - 1) / ROWS - (int)blockIdx.y + (int)gridDim.y - 1) / (int)gridDim.y;
	for (int i = threadIdx.x; i < r.tiles * ROWS; i += ROWS * UNITS) {
		int row = (blockIdx.y + i / ROWS * gridDim.y) * ROWS + i % ROWS, sequence = l.order[smaller(row, l.rows - 1)];
		int begin = l.starts[sequence], end = l.starts[sequence + 1];
		r.first[i] = direction == 0 ? begin : end - 1;
		r.length[i] = row < l.rows ? end - begin : 0;
	}
	__syncthreads();
	return r;
}

// sigmoid_for and tanh_for are as exact as activations of a type are worth.
DEVFN float sigmoid_for(const float *, float x) { return sigmoid32(x).value; }
DEVFN float sigmoid_for(const bf16 *, float x) { return sigmoid_fast(x); }
DEVFN float tanh_for(const float *, float x) { return tanh32(x); }
DEVFN float tanh_for(const bf16 *, float x) { return tanh_fast(x); }

// State is what a thread has of a unit of a row.
template <int CELL> struct State {
	float gates[gates_of<CELL>()]; // what the input adds to them, and then their values
	float memory;                  // c before and after; of a gru h before, and then b
	float h;
	bool alive;
	size_t token, row; // row of carry
};

// next_state computes a step. `first` tells that there is no state before.
template <int CELL, class T> DEVFN void next_state(
	State<CELL> &v, const float (&s)[gates_of<CELL>()], float bias, bool first, const T *type) {
	float *a = v.gates;
	if (CELL == TANH_CELL) {
		v.h = tanh_for(type, a[0] + s[0]);
	} else if (CELL == LSTM_CELL) {
		a[0] = sigmoid_for(type, a[0] + s[0]), a[1] = sigmoid_for(type, a[1] + s[1]);
		a[2] = tanh_for(type, a[2] + s[2]), a[3] = sigmoid_for(type, a[3] + s[3]);
		float c = a[0] * a[2];
		if (!first) c += a[1] * v.memory;
		v.memory = c;
		v.h = a[3] * tanh_for(type, c);
	} else {
		float b = s[2] + bias;
		a[0] = sigmoid_for(type, a[0] + s[0]), a[1] = sigmoid_for(type, a[1] + s[1]);
		a[2] = tanh_for(type, a[2] + a[0] * b);
		v.h = (1 - a[1]) * a[2];
		if (!first) v.h += a[1] * v.memory;
		v.memory = b;
	}
}

// recurrent computes all steps of a layer. Products has the size of a block's tiles and
// gives W h of the state before: fetch begins to read what a tile needs, multiply computes, and sum gives each thread what
// belongs to it.
template <int CELL, class T, class Products> DEVFN void recurrent(T *y, float *gates, float *extra, float *carry,
	const float *input_bias, const float *state_bias, const Layer &l, Products &products, int *table) {
	const int GATES = gates_of<CELL>(), ROWS = Products::ROWS, UNITS = Products::UNITS;
	int direction = l.direction + blockIdx.z, hidden = l.hidden, width = l.directions * hidden;
	Rows rows = find_rows<ROWS, UNITS>(table, l, direction);
	int line = threadIdx.x / UNITS, unit = blockIdx.x * UNITS + threadIdx.x % UNITS;
	int *arrived = l.arrived + direction * gridDim.y + blockIdx.y;
	size_t begin = (size_t)direction * l.tokens;
	y += direction * hidden;
	gates += begin * GATES * hidden + unit; // one gate is `hidden` from the next
	extra += begin * hidden + unit;
	carry += (size_t)direction * l.sequences * hidden + unit;
	float bias[GATES] = {}, new_state_bias = 0; // of a gru, gate n has that of the state apart
	for (int i = 0; i < GATES && unit < hidden; i++) {
		bool apart = CELL == GRU_CELL && i == 2;
		float b = state_bias[i * hidden + unit];
		bias[i] = apart ? input_bias[i * hidden + unit] : input_bias[i * hidden + unit] + b;
		if (apart) new_state_bias = b;
	}
	products.begin(hidden);

	State<CELL> v, next; // of the present tile, and of the next one, which is read ahead
	auto fetch = [&](State<CELL> &v, int step, int tile) {
		int row = tile * ROWS + line;
		v.alive = unit < hidden && rows.length[row] > step;
		if (!v.alive) return;
		v.token = rows.token(row, step);
		v.row = (blockIdx.y + tile * gridDim.y) * ROWS + line;
#pragma unroll
		for (int i = 0; i < GATES; i++) v.gates[i] = gates[(v.token * GATES + i) * hidden];
		if (CELL == LSTM_CELL && step > 0) v.memory = extra[(v.token - rows.sign) * hidden];
		if (CELL == GRU_CELL && step > 0) v.memory = carry[v.row * hidden];
	};
	auto save = [&](const State<CELL> &v) { // what other blocks do not wait for
		if (!v.alive || CELL == TANH_CELL) return;
#pragma unroll
		for (int i = 0; i < GATES; i++) gates[(v.token * GATES + i) * hidden] = v.gates[i];
		extra[v.token * hidden] = v.memory;
		if (CELL == GRU_CELL) carry[v.row * hidden] = v.h;
	};
	int end = smaller(l.end, rows.length[0]);
	if (l.begin < end) fetch(v, l.begin, 0);
	for (int step = l.begin; step < end; step++) {
		if (step > l.begin) {
			if (threadIdx.x == 0) await_blocks(arrived, (step - l.begin) * gridDim.x);
			__syncthreads();
		}
		if (step > 0) products.fetch(y, width, rows, step, 0);
		for (int tile = 0;; tile++) {
			bool more = tile + 1 < rows.tiles && rows.length[(tile + 1) * ROWS] > step;
			float sums[GATES] = {};
			if (step > 0) products.multiply(y, width, rows, step, tile);
			if (more) fetch(next, step, tile + 1);
			if (more && step > 0) products.fetch(y, width, rows, step, tile + 1);
			if (step > 0) products.sum(sums);
			if (v.alive) {
#pragma unroll
				for (int i = 0; i < GATES; i++) v.gates[i] += bias[i];
				next_state(v, sums, new_state_bias, step == 0, y);
				store_element(y + v.token * width + unit, v.h);
			}
			if (!more) break;
			save(v);
			v = next;
			__syncthreads(); // the sums have been read
		}
		if (step + 1 < end) {
			__syncthreads();
			if (threadIdx.x == 0) signal_blocks(arrived);
		}
		save(v);
		if (step + 1 < end) fetch(v, step + 1, 0);
	}
}

// Slope is what a thread has of a unit of a row to compute the gradients of its gates.
template <int CELL> struct Slope {
	float gates[gates_of<CELL>()]; // their values, and then their gradients
	float memory, before;          // c and c before; of a gru b and h before; of a tanh cell h is memory
	float dh, carry;               // of y, and from the step after; carry then goes to the step before
	float extra;                   // the gradient of b
	bool alive, carried;           // there is a step after
	size_t token, row;
};

// slopes computes the gradients of a step. v.dh is that of h but for the part that comes by way of carry.
template <int CELL, class T> DEVFN void slopes(Slope<CELL> &v, const T *type) {
	float *a = v.gates;
	if (CELL == TANH_CELL) {
		float h = v.memory;
		a[0] = v.dh * (1 - h * h);
	} else if (CELL == LSTM_CELL) {
		float i = a[0], f = a[1], g = a[2], o = a[3], t = tanh_for(type, v.memory), c = v.before;
		float dc = v.carry + v.dh * o * (1 - t * t);
		a[0] = dc * g * i * (1 - i), a[1] = dc * c * f * (1 - f), a[2] = dc * i * (1 - g * g);
		a[3] = v.dh * t * o * (1 - o);
		v.carry = dc * f;
	} else {
		float r = a[0], z = a[1], n = a[2], b = v.memory, h = v.before, dh = v.dh + v.carry;
		float dn = dh * (1 - z) * (1 - n * n);
		a[0] = dn * b * r * (1 - r), a[1] = dh * (h - n) * z * (1 - z), a[2] = dn;
		v.extra = dn * r;
		v.carry = dh * z;
	}
}

// recurrent_gradient computes all steps of a layer, backwards. Products gives Wᵀ ds of the
// step after.
template <int CELL, class T, class Products> DEVFN void recurrent_gradient(T *dgates, T *dextra, float *carry,
	const T *dy, const T *y, const float *gates, const float *extra, const Layer &l, Products &products, int *table) {
	const int GATES = gates_of<CELL>(), ROWS = Products::ROWS, UNITS = Products::UNITS;
	int direction = l.direction + blockIdx.z, hidden = l.hidden, width = l.directions * hidden;
	Rows rows = find_rows<ROWS, UNITS>(table, l, direction);
	int line = threadIdx.x / UNITS, unit = blockIdx.x * UNITS + threadIdx.x % UNITS, column = direction * hidden + unit;
	int *arrived = l.arrived + direction * gridDim.y + blockIdx.y;
	size_t begin = (size_t)direction * l.tokens;
	dgates += begin * GATES * hidden, dextra += begin * hidden;
	gates += begin * GATES * hidden + unit, extra += begin * hidden + unit; // one gate is `hidden` from the next
	carry += (size_t)direction * l.sequences * hidden + unit;
	products.begin(hidden);

	Slope<CELL> v, next; // of the present tile, and of the next one, which is read ahead
	auto fetch = [&](Slope<CELL> &v, int step, int tile) {
		int row = tile * ROWS + line;
		v.alive = unit < hidden && rows.length[row] > step, v.carried = rows.length[row] > step + 1;
		if (!v.alive) return;
		v.token = rows.token(row, step);
		v.row = (blockIdx.y + tile * gridDim.y) * ROWS + line;
		size_t before = v.token - rows.sign;
		v.dh = load_element(dy + v.token * width + column);
		if (CELL == TANH_CELL) {
			v.memory = load_element(y + v.token * width + column);
			return;
		}
#pragma unroll
		for (int i = 0; i < GATES; i++) v.gates[i] = gates[(v.token * GATES + i) * hidden];
		v.memory = extra[v.token * hidden];
		v.before = step == 0 ? 0 : CELL == LSTM_CELL ? extra[before * hidden] : load_element(y + before * width + column);
		v.carry = v.carried ? carry[v.row * hidden] : 0;
	};
	auto save = [&](const Slope<CELL> &v) {
		if (v.alive && CELL != TANH_CELL) carry[v.row * hidden] = v.carry;
	};
	int last = smaller(l.end, rows.length[0]) - 1;
	if (last >= l.begin) fetch(v, last, 0);
	for (int step = last; step >= l.begin; step--) {
		if (step < last) {
			if (threadIdx.x == 0) await_blocks(arrived, (last - step) * gridDim.x);
			__syncthreads();
		}
		auto follows = [&](int tile) { return tile < rows.tiles && rows.length[tile * ROWS] > step + 1; };
		if (follows(0)) products.fetch(dgates, dextra, rows, step, 0);
		for (int tile = 0;; tile++) {
			bool more = tile + 1 < rows.tiles && rows.length[(tile + 1) * ROWS] > step, product = follows(tile);
			float sum = 0;
			if (product) products.multiply(dgates, dextra, rows, step, tile);
			if (more) fetch(next, step, tile + 1);
			if (follows(tile + 1)) products.fetch(dgates, dextra, rows, step, tile + 1);
			if (product) products.sum(sum);
			if (v.alive) {
				if (v.carried) v.dh = sum + v.dh;
				slopes(v, dy);
#pragma unroll
				for (int i = 0; i < GATES; i++) store_element(dgates + (v.token * GATES + i) * hidden + unit, v.gates[i]);
				if (CELL == GRU_CELL) store_element(dextra + v.token * hidden + unit, v.extra);
			}
			if (!more) break;
			save(v);
			v = next;
			__syncthreads(); // the sums have been read
		}
		if (step > l.begin) {
			__syncthreads();
			if (threadIdx.x == 0) signal_blocks(arrived);
		}
		save(v);
		if (step > l.begin) fetch(v, step - 1, 0);
	}
}
