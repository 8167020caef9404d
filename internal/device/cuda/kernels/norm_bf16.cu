// Normalisation of rows with activations in bfloat16: norm.cu says what. Rows are kept in registers between the sums over
// them, unless they are very long.
#include "approximate.h"
#include "norm.h"
#include "teams.h"

const int N = GROUP<bf16>;
const int GROUPS = 4; // of a lane in registers
const int WARP_COLUMNS = GROUPS * 32 * N;
#define ROWS THREADS, 3 // blocks that a multiprocessor has registers for

// As norm_float. Grid: ⌈count/8⌉.
KERNEL_OF(ROWS, norm_bf16, bf16 *y, bf16 *sum, float *stats, const bf16 *x, const bf16 *residual, const int *rows,
	const float *gamma, const float *beta, int count, int width, int kind, float epsilon, DROPOUT) {
	__shared__ float shared[2][WARPS];
	Dropout d = DROPOUT_OF;
	if (width % N != 0 || width > WARPS * WARP_COLUMNS) {
		norm(y, sum, stats, x, residual, rows, gamma, beta, count, width, kind, epsilon, d);
		return;
	}
	Team t = team_of(width, WARP_COLUMNS, WARPS);
	int last = smaller(count, (blockIdx.x + 1) * WARPS), first_column = (t.member * 32 + (threadIdx.x & 31)) * N;
	const int step = 32 * N; // from a group to the next, for one warp
#pragma unroll 1
	for (int from = blockIdx.x * WARPS; from < last; from += t.teams) {
		first_column = (int)forgotten((unsigned)first_column); // what follows from it would fill registers
		int row = from + t.number, end = t.number < t.teams && row < last ? width : 0; // of the columns
		size_t at = (size_t)row * width;
		Words4 values[GROUPS] = {}, added[GROUPS] = {};
#pragma unroll
		for (int i = 0; i < GROUPS; i++) {
			int column = first_column + i * t.warps * step;
			if (column >= end) continue;
			values[i] = *words4_at(x + at + column);
			if (residual) added[i] = *words4_at(residual + at + column);
		}
		uint64_t row_key = end ? dropout_row(d, rows, row) : 0;
		float total = 0, squares = 0;
#pragma unroll
		for (int i = 0; i < GROUPS; i++) {
			int column = first_column + i * t.warps * step;
			if (column >= end) continue;
			Elements<N> f = unpack(values[i]), r = unpack(added[i]);
			if (sum) {
				if (d.threshold)
					for (int j = 0; j < N; j++) f.at[j] = dropped(d, row_key, column ^ j, f.at[j]);
				for (int j = 0; j < N; j++) f.at[j] += r.at[j];
				values[i] = pack(f);
				*words4_at(sum + at + column) = values[i];
				f = unpack(values[i]);
			}
			for (int j = 0; j < N; j++) total += f.at[j];
		}
		total = team_sum(total, t, shared[0]);
		float mean = kind != NORM_RMS ? total * reciprocal_fast((float)width) : 0;
#pragma unroll
		for (int i = 0; i < GROUPS; i++) {
			if (first_column + i * t.warps * step >= end) continue;
			values[i] = forgotten(values[i]);
			Elements<N> f = unpack(values[i]);
			for (int j = 0; j < N; j++) squares = fmaf(f.at[j] - mean, f.at[j] - mean, squares);
		}
		squares = team_sum(squares, t, shared[1]);
		float mean_square = squares * reciprocal_fast((float)(kind == NORM_UER ? larger(width - 1, 1) : width));
		float deviation = sqrtf(kind == NORM_UER ? mean_square : mean_square + epsilon);
		if (end && first_column == 0) stats[2 * row] = mean, stats[2 * row + 1] = deviation;
		float inverse = reciprocal_fast(divisor(kind, epsilon, deviation));
#pragma unroll
		for (int i = 0; i < GROUPS; i++) {
			int column = first_column + i * t.warps * step;
			if (column >= end) continue;
			values[i] = forgotten(values[i]);
			Elements<N> f = unpack(values[i]), g, b = all_of<N>(0);
			load(g, gamma + column);
			if (beta) load(b, beta + column);
			for (int j = 0; j < N; j++) f.at[j] = fmaf((f.at[j] - mean) * inverse, g.at[j], b.at[j]);
			store(y + at + column, f);
		}
	}
}
