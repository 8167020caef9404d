// Steps of recurrent layers.
#ifndef UER_RECURRENT_INC_H
#define UER_RECURRENT_INC_H

#include "block.inc.h"
#include "halves.inc.h"
#include "routines.h"
#include "vecmath.inc.h"

#define RECURRENT_ROWS (2 * PANEL_ROWS) // multiplied before their cells are computed
#define MAX_GATES 4

INLINE size_t gate_count(int cell) { return cell == CELL_LSTM ? 4 : cell == CELL_GRU ? 3 : 1; }

// Packs the weights of the units as an operand [hidden, gates*RECURRENT_UNITS].
static void recurrent_pack_forward(struct recurrent_step t) {
	float *packed = t.packed;
	for (size_t gate = 0; gate < gate_count(t.cell); gate++, packed += RECURRENT_UNITS * t.hidden)
		pack_block_transposed(packed, t.hidden * PANEL, t.weights + (gate * t.hidden + t.first) * t.hidden, t.units, t.hidden,
		                      t.hidden);
}

// Packs the weights of the units as an operand [gates*hidden, RECURRENT_UNITS].
static void recurrent_pack_backward(struct recurrent_step t) {
	size_t depth = gate_count(t.cell) * t.hidden;
	pack_block(t.packed, depth * PANEL, t.weights + t.first, depth, t.units, t.hidden);
}

INLINE vfloat logistic(vfloat x) { return 1.0f / (1.0f + vector_exp(-x)); }

// A position in a tile: a sequence (row), its token, and up to LANES units from one on, of which the tile has `left`.
struct recurrent_place {
	size_t row, token, unit, left;
};

INLINE vfloat get(const float *x, size_t row, size_t stride, struct recurrent_place p) {
	return load_some(x + row * stride + p.unit, p.left);
}
INLINE void set(float *x, size_t row, size_t stride, struct recurrent_place p, vfloat v) {
	store_some(x + row * stride + p.unit, v, p.left);
}

// get_stored and set_stored are get and set in an array, from a column on.
INLINE vfloat get_stored(struct array x, size_t column, size_t row, size_t stride, struct recurrent_place p) {
	return load_array(x, row * stride + column + p.unit, p.left);
}
INLINE void set_stored(struct array x, size_t column, size_t row, size_t stride, struct recurrent_place p, vfloat v) {
	store_array(x, row * stride + column + p.unit, v, p.left);
}

// stored_as is a step whose arrays the compiler knows the storage of.
INLINE struct recurrent_step stored_as(const int half, struct recurrent_step t) {
	t.gates = as_half(half, t.gates), t.extra = as_half(half, t.extra), t.y = as_half(half, t.y);
	t.dy = as_half(half, t.dy), t.dgates = as_half(half, t.dgates), t.dextra = as_half(half, t.dextra);
	return t;
}

// cell_forward turns the sums of the gates with the state, RECURRENT_UNITS apart, into the new state.
INLINE vfloat cell_forward(const int cell, const struct recurrent_step *t, struct recurrent_place p, const float *sums) {
	vfloat gate[MAX_GATES];
	for (size_t i = 0; i < gate_count(cell); i++)
		gate[i] = get_stored(t->gates, i * t->hidden, p.token, t->gate_stride, p);
#define SUM(i) load(sums + (i) * RECURRENT_UNITS)
#define KEEP(i, v) set_stored(t->gates, (i) * t->hidden, p.token, t->gate_stride, p, v)
	if (cell == CELL_LSTM) {
		vfloat i = logistic(gate[0] + SUM(0)), f = logistic(gate[1] + SUM(1));
		vfloat g = vector_tanh(gate[2] + SUM(2)), o = logistic(gate[3] + SUM(3));
		vfloat c = i * g;
		if (!t->start) c += f * get(t->memory, p.row, t->hidden, p);
		KEEP(0, i), KEEP(1, f), KEEP(2, g), KEEP(3, o);
		set(t->memory, p.row, t->hidden, p, c);
		set_stored(t->extra, 0, p.token, t->hidden, p, c);
		return o * vector_tanh(c);
	}
	if (cell == CELL_GRU) {
		vfloat b = SUM(2) + load_some(t->bias + p.unit, p.left);
		vfloat r = logistic(gate[0] + SUM(0)), z = logistic(gate[1] + SUM(1));
		vfloat n = vector_tanh(gate[2] + r * b);
		KEEP(0, r), KEEP(1, z), KEEP(2, n);
		set_stored(t->extra, 0, p.token, t->hidden, p, b);
		vfloat h = (1.0f - z) * n;
		return t->start ? h : h + z * get(t->before, p.row, t->hidden, p);
	}
	return vector_tanh(gate[0] + SUM(0));
#undef SUM
#undef KEEP
}

// FOR_CELL calls a step that is compiled for each cell.
#define FOR_CELL(step, half, t)                                       \
	{                                                             \
		if ((t).cell == CELL_LSTM) step(CELL_LSTM, half, t);  \
		else if ((t).cell == CELL_GRU) step(CELL_GRU, half, t); \
		else step(CELL_TANH, half, t);                        \
	}

INLINE void step_forward(const int cell, const int half, struct recurrent_step step) {
	const struct recurrent_step as_stored = stored_as(half, step), *t = &as_stored;
	const size_t width = gate_count(cell) * RECURRENT_UNITS;
	float sums[RECURRENT_ROWS * MAX_GATES * RECURRENT_UNITS] __attribute__((aligned(64)));
	for (size_t first = 0; first < t->rows; first += RECURRENT_ROWS) {
		size_t rows = min_size(t->rows - first, RECURRENT_ROWS);
		if (t->sums && !t->start)
			for (size_t r = 0; r < rows; r++)
				for (size_t gate = 0; gate < gate_count(cell); gate++)
					memcpy(sums + r * width + gate * RECURRENT_UNITS,
						t->sums + ((first + r) * gate_count(cell) + gate) * t->hidden + t->first, t->units * sizeof *sums);
		else
			block_product(sums, width, rows, width, t->before + first * t->hidden, t->hidden, 1, t->packed, PANEL * t->hidden,
			              t->start ? 0 : t->hidden, 0);
		for (size_t r = 0; r < rows; r++)
			for (size_t u = 0; u < t->units; u += LANES) {
				struct recurrent_place p = {first + r, (size_t)t->tokens[first + r], t->first + u, t->units - u};
				vfloat h = cell_forward(cell, t, p, sums + r * width + u);
				set_stored(t->y, 0, p.token, t->stride, p, h);
				set(t->after, p.row, t->hidden, p, h);
			}
	}
}

static void recurrent_forward(struct recurrent_step t) {
	if (t.y.half) FOR_CELL(step_forward, 1, t)
	else FOR_CELL(step_forward, 0, t)
}

// put_gradient writes the gradients of a gate's sums with the input and with the state.
INLINE void put_gradient(const int cell, const struct recurrent_step *t, struct recurrent_place p, size_t gate, vfloat input,
                         vfloat state) {
	const size_t width = gate_count(cell) * t->hidden;
	set_stored(t->dgates, gate * t->hidden, p.token, width, p, input);
	set(t->now + gate * t->hidden, p.row, width, p, state);
}

// cell_backward turns the gradient of the state, without the part in memory, into those of the gates.
INLINE void cell_backward(const int cell, const struct recurrent_step *t, struct recurrent_place p, vfloat dh, vfloat memory) {
	size_t before = p.token + (size_t)t->previous;
	if (cell == CELL_TANH) {
		vfloat h = get_stored(t->y, 0, p.token, t->stride, p), d = dh * (1.0f - h * h);
		put_gradient(cell, t, p, 0, d, d);
		return;
	}
	vfloat gate[MAX_GATES], extra = get_stored(t->extra, 0, p.token, t->hidden, p);
	for (size_t i = 0; i < gate_count(cell); i++)
		gate[i] = get_stored(t->gates, i * t->hidden, p.token, t->gate_stride, p);
	if (cell == CELL_LSTM) {
		vfloat i = gate[0], f = gate[1], g = gate[2], o = gate[3], tanh_c = vector_tanh(extra);
		vfloat c_before = t->start ? (vfloat){0} : get_stored(t->extra, 0, before, t->hidden, p);
		vfloat dc = memory + dh * o * (1.0f - tanh_c * tanh_c);
		vfloat di = dc * g * i * (1.0f - i), df = dc * c_before * f * (1.0f - f);
		vfloat dg = dc * i * (1.0f - g * g), d_o = dh * tanh_c * o * (1.0f - o);
		put_gradient(cell, t, p, 0, di, di);
		put_gradient(cell, t, p, 1, df, df);
		put_gradient(cell, t, p, 2, dg, dg);
		put_gradient(cell, t, p, 3, d_o, d_o);
		set(t->memory, p.row, t->hidden, p, dc * f);
	} else {
		vfloat r = gate[0], z = gate[1], n = gate[2];
		vfloat h_before = t->start ? (vfloat){0} : get_stored(t->y, 0, before, t->stride, p);
		dh += memory;
		vfloat dn = dh * (1.0f - z) * (1.0f - n * n);
		vfloat dr = dn * extra * r * (1.0f - r), dz = dh * (h_before - n) * z * (1.0f - z);
		put_gradient(cell, t, p, 0, dr, dr);
		put_gradient(cell, t, p, 1, dz, dz);
		put_gradient(cell, t, p, 2, dn, dn * r);
		set_stored(t->dextra, 0, p.token, t->hidden, p, dn * r);
		set(t->memory, p.row, t->hidden, p, dh * z);
	}
}

INLINE void step_backward(const int cell, const int half, struct recurrent_step step) {
	const struct recurrent_step as_stored = stored_as(half, step), *t = &as_stored;
	const size_t depth = gate_count(cell) * t->hidden;
	float sums[RECURRENT_ROWS * RECURRENT_UNITS] __attribute__((aligned(64)));
	for (size_t first = 0; first < t->rows; first += RECURRENT_ROWS) {
		size_t rows = min_size(t->rows - first, RECURRENT_ROWS);
		size_t carried = first < t->carried ? min_size(t->carried - first, rows) : 0;
		if (t->sums)
			for (size_t r = 0; r < carried; r++)
				memcpy(sums + r * RECURRENT_UNITS, t->sums + (first + r) * t->hidden + t->first, t->units * sizeof *sums);
		else
			block_product(sums, RECURRENT_UNITS, carried, t->units, t->next + first * depth, depth, 1, t->packed, PANEL * depth,
			              depth, 0);
		for (size_t r = 0; r < rows; r++)
			for (size_t u = 0; u < t->units; u += LANES) {
				struct recurrent_place p = {first + r, (size_t)t->tokens[first + r], t->first + u, t->units - u};
				vfloat dh = get_stored(t->dy, 0, p.token, t->stride, p), memory = {0};
				if (r < carried) {
					dh += load(sums + r * RECURRENT_UNITS + u);
					if (cell != CELL_TANH) memory = get(t->memory, p.row, t->hidden, p);
				}
				cell_backward(cell, t, p, dh, memory);
			}
	}
}

static void recurrent_backward(struct recurrent_step t) {
	if (t.y.half) FOR_CELL(step_backward, 1, t)
	else FOR_CELL(step_backward, 0, t)
}

#endif
