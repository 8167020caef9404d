// Normalisation of rows with activations in bfloat16: norm.cu says what. Rows are kept in registers between the sums over
// them, by a warp or by several, unless they are very long.
#include "approximate.h"
#include "norm.h"
#include "teams.h"

const int N = GROUP<bf16>;
#define ROWS THREADS, 4 // blocks that a multiprocessor has registers for

// Row is what there is of a row.
struct Row {
	bf16 *y, *sum;
	float *stats;
	const bf16 *x, *residual;
	const float *gamma, *beta;
	int width, kind;
	float epsilon;
	uint64_t key; // of dropout
	bool present;
};

// norm_row keeps GROUPS groups a lane: the lanes of a team's warps have the first groups, side by side, then the next ones.
template <int GROUPS> DEVFN void norm_row(const Row &r, const Dropout &d, const Team &t, float (&shared)[2][WARPS]) {
	int first = (int)forgotten((t.member * 32 + (threadIdx.x & 31)) * N), step = t.warps * 32 * N;
	int end = r.present ? r.width : 0; // of the columns
	Words4 values[GROUPS] = {}, added[GROUPS] = {};
#pragma unroll
	for (int i = 0; i < GROUPS; i++) {
		int column = first + i * step;
		if (column >= end) continue;
		values[i] = *words4_at(r.x + column);
		if (r.residual) added[i] = *words4_at(r.residual + column);
	}
	float total = 0, squares = 0;
#pragma unroll
	for (int i = 0; i < GROUPS; i++) {
		int column = first + i * step;
		if (column >= end) continue;
		Elements<N> f = unpack(values[i]), other = unpack(added[i]);
		if (r.sum) {
			if (d.threshold)
				for (int j = 0; j < N; j++) f.at[j] = dropped(d, r.key, column ^ j, f.at[j]);
			for (int j = 0; j < N; j++) f.at[j] += other.at[j];
			values[i] = pack(f);
			*words4_at(r.sum + column) = values[i];
			f = unpack(values[i]);
		}
		for (int j = 0; j < N; j++) total += f.at[j];
	}
	total = team_sum(total, t, shared[0]);
	float mean = r.kind != NORM_RMS ? total * reciprocal_fast((float)r.width) : 0;
#pragma unroll
	for (int i = 0; i < GROUPS; i++) {
		if (first + i * step >= end) continue;
		values[i] = forgotten(values[i]);
		Elements<N> f = unpack(values[i]);
		for (int j = 0; j < N; j++) squares = fmaf(f.at[j] - mean, f.at[j] - mean, squares);
	}
	squares = team_sum(squares, t, shared[1]);
	float mean_square = squares * reciprocal_fast((float)(r.kind == NORM_UER ? larger(r.width - 1, 1) : r.width));
	float deviation = sqrtf(r.kind == NORM_UER ? mean_square : mean_square + r.epsilon);
	if (end && first == 0) r.stats[0] = mean, r.stats[1] = deviation;
	float inverse = reciprocal_fast(divisor(r.kind, r.epsilon, deviation));
#pragma unroll
	for (int i = 0; i < GROUPS; i++) {
		int column = first + i * step;
		if (column >= end) continue;
		values[i] = forgotten(values[i]);
		Elements<N> f = unpack(values[i]), g, b = all_of<N>(0);
		load(g, r.gamma + column);
		if (r.beta) load(b, r.beta + column);
		for (int j = 0; j < N; j++) f.at[j] = fmaf((f.at[j] - mean) * inverse, g.at[j], b.at[j]);
		store(r.y + column, f);
	}
}

// As norm_float. Grid: ⌈count/8⌉.
KERNEL_OF(ROWS, norm_bf16, bf16 *y, bf16 *sum, float *stats, const bf16 *x, const bf16 *residual, const int *rows,
	const float *gamma, const float *beta, int count, int width, int kind, float epsilon, DROPOUT) {
	__shared__ float shared[2][WARPS];
	const int OF_WARP = 4, OF_TEAM = 2; // groups of a lane
	Dropout d = DROPOUT_OF;
	if (width % N != 0 || width > WARPS * OF_TEAM * 32 * N) {
		norm(y, sum, stats, x, residual, rows, gamma, beta, count, width, kind, epsilon, d);
		return;
	}
	auto row_at = [&](int row, bool present) {
		size_t at = present ? (size_t)row * width : 0;
		return Row{y + at, sum ? sum + at : sum, stats + 2 * row, x + at, residual ? residual + at : residual, gamma, beta,
			width, kind, epsilon, present ? dropout_row(d, rows, row) : 0, present};
	};
	if (width <= OF_WARP * 32 * N) {
		int row = row_of_warp();
		Team alone = {1, WARPS, 0, 0};
		if (row < count) norm_row<OF_WARP>(row_at(row, true), d, alone, shared);
		return;
	}
	Team t = team_of(width, OF_TEAM * 32 * N, WARPS);
	int last = smaller(count, (blockIdx.x + 1) * WARPS);
#pragma unroll 1
	for (int from = blockIdx.x * WARPS; from < last; from += t.teams) {
		int row = from + t.number;
		norm_row<OF_TEAM>(row_at(row, t.number < t.teams && row < last), d, t, shared);
	}
}
