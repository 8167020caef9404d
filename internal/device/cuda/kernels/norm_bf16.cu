// Normalisation of rows with activations in bfloat16: norm.cu says what. A warp keeps its row in registers if that is not
// too long, and reads it again from memory if it is.
#include "approximate.h"
#include "norm.h"

const int N = GROUP<bf16>;
const int GROUPS = 4; // of a lane in registers

// in_registers tells whether rows fit, and begin at multiples of 16 bytes if the pointers do.
DEVFN bool in_registers(int width) { return width <= GROUPS * 32 * N && width % N == 0; }

// norm_row is a row in registers.
DEVFN void norm_row(bf16 *y, bf16 *sum, float *stats, const bf16 *x, const bf16 *residual, const float *gamma,
	const float *beta, int width, int kind, float epsilon, const Dropout &d, uint64_t row_key) {
	int lane_column = first_column<N>();
	Words4 values[GROUPS] = {}, added[GROUPS] = {};
#pragma unroll
	for (int i = 0; i < GROUPS; i++) {
		int column = i * 32 * N + lane_column;
		if (column >= width) continue;
		values[i] = *words4_at(x + column);
		if (residual) added[i] = *words4_at(residual + column);
	}
	float total = 0;
#pragma unroll
	for (int i = 0; i < GROUPS; i++) {
		int column = i * 32 * N + lane_column;
		if (column >= width) continue;
		Elements<N> f = unpack(values[i]), r = unpack(added[i]);
		if (sum) {
			if (d.threshold)
				for (int j = 0; j < N; j++) f.at[j] = dropped(d, row_key, column + j, f.at[j]);
			for (int j = 0; j < N; j++) f.at[j] += r.at[j];
			values[i] = pack(f);
			*words4_at(sum + column) = values[i];
			f = unpack(values[i]);
		}
		for (int j = 0; j < N; j++) total += f.at[j];
	}
	float mean = kind != NORM_RMS ? warp_sum(total) * reciprocal_fast((float)width) : 0, squares = 0;
#pragma unroll
	for (int i = 0; i < GROUPS; i++) {
		if (i * 32 * N + lane_column >= width) continue;
		Elements<N> f = unpack(values[i]);
		for (int j = 0; j < N; j++) squares = fmaf(f.at[j] - mean, f.at[j] - mean, squares);
	}
	squares = warp_sum(squares);
	float mean_square = squares * reciprocal_fast((float)(kind == NORM_UER ? larger(width - 1, 1) : width));
	float deviation = sqrtf(kind == NORM_UER ? mean_square : mean_square + epsilon);
	if (lane_column == 0) stats[0] = mean, stats[1] = deviation;
	float inverse = reciprocal_fast(divisor(kind, epsilon, deviation));
#pragma unroll
	for (int i = 0; i < GROUPS; i++) {
		int column = i * 32 * N + lane_column;
		if (column >= width) continue;
		Elements<N> f = unpack(values[i]), g, b = all_of<N>(0);
		load(g, gamma + column);
		if (beta) load(b, beta + column);
		for (int j = 0; j < N; j++) f.at[j] = fmaf((f.at[j] - mean) * inverse, g.at[j], b.at[j]);
		store(y + column, f);
	}
}

// As norm_float. Grid: ⌈count/8⌉.
KERNEL_OF(THREADS, norm_bf16, bf16 *y, bf16 *sum, float *stats, const bf16 *x, const bf16 *residual, const int *rows,
	const float *gamma, const float *beta, int count, int width, int kind, float epsilon, DROPOUT) {
	Dropout d = DROPOUT_OF;
	if (!in_registers(width)) {
		norm(y, sum, stats, x, residual, rows, gamma, beta, count, width, kind, epsilon, d);
		return;
	}
	int row = row_of_warp();
	if (row >= count) return;
	size_t at = (size_t)row * width;
	norm_row(y + at, sum ? sum + at : sum, stats + 2 * row, x + at, residual ? residual + at : residual, gamma, beta, width,
		kind, epsilon, d, dropout_row(d, rows, row));
}

const int TEAM_THREADS = 384;  // of a block of norm_gradient_bf16
#define TEAM TEAM_THREADS, 2 // blocks that a multiprocessor has registers for
const int TEAM_WARPS = TEAM_THREADS / 32;

// Team is how the warps of a block share out its rows: as many as the width needs work through a row, of which a lane has
// one group, always the same.
struct Team {
	int warps, teams; // of a row, and in the block
	int number;       // of this warp's team; not less than teams if it is in none
	int column;
};

DEVFN Team team_of(int width) {
	Team t;
	t.warps = (width + 32 * N - 1) / (32 * N), t.teams = TEAM_WARPS / t.warps;
	int warp = threadIdx.x >> 5;
	t.number = warp / t.warps, t.column = (warp % t.warps) * 32 * N + first_column<N>();
	return t;
}

// column_at_a_time is the first stage of the gradients of γ and β for other widths: a thread adds up a column.
DEVFN void column_at_a_time(float *partials, const bf16 *dy, const bf16 *sum, const float *stats, int first, int last,
	int width, int kind, float epsilon) {
	for (int column = threadIdx.x; column < width; column += TEAM_THREADS) {
		float dgamma = 0, dbeta = 0;
		for (int row = first; row < last; row++) {
			float inverse = 1.0f / divisor(kind, epsilon, stats[2 * row + 1]);
			float g = load_element(dy + (size_t)row * width + column), c = load_element(sum + (size_t)row * width + column);
			dgamma = fmaf(g, (c - stats[2 * row]) * inverse, dgamma), dbeta += g;
		}
		partials[column] = dgamma, partials[width + column] = dbeta;
	}
}

// Two sums over a row.
struct RowSums {
	float slope, product; // Σ g, Σ g c/q
};

// team_sums adds up the sums of a row over the threads of its team. All threads of the block call it, with the two halves of
// shared memory in turns.
DEVFN RowSums team_sums(RowSums sums, const Team &t, RowSums (&shared)[TEAM_WARPS]) {
	sums.slope = warp_sum(sums.slope), sums.product = warp_sum(sums.product);
	if (t.warps == 1) return sums;
	if ((threadIdx.x & 31) == 0) shared[threadIdx.x >> 5] = sums;
	__syncthreads();
	if (t.number >= t.teams) return sums;
	sums = shared[t.number * t.warps];
#pragma unroll 1
	for (int w = 1; w < t.warps; w++) {
		RowSums other = shared[t.number * t.warps + w];
		sums.slope += other.slope, sums.product += other.product;
	}
	return sums;
}

// RowTerms is what all elements of a row need.
struct RowTerms {
	float mean, inverse, scale; // μ, 1/q, and what Σ(g c/q) c is multiplied with
	uint64_t key;               // of dropout
};

// row_terms has the second term of kind 0 as c/q Σ(g c/q)/(s (width-1)), and of the others as c/q Σ(g c/q)/(q width).
DEVFN RowTerms row_terms(const float *stats, const int *rows, int row, int last, int width, int kind, float epsilon,
	const Dropout &d) {
	RowTerms t = {0, 0, 0, 0};
	if (row >= last) return t;
	float deviation = stats[2 * row + 1], times = deviation * (float)(kind == NORM_UER ? larger(width - 1, 1) : width);
	t.mean = stats[2 * row], t.inverse = reciprocal_fast(divisor(kind, epsilon, deviation));
	t.scale = deviation == 0 ? 0 : reciprocal_fast(times) * t.inverse;
	t.key = dropout_row(d, rows, row);
	return t;
}

// write_sums adds up the sums of the teams, in their order, and writes them to partials [width].
DEVFN void write_sums(float *partials, const Elements<N> &sums, const Team &t, int width, bool has, float *shared) {
	if (has) store(shared + t.number * width + t.column, sums);
	__syncthreads();
#pragma unroll 1
	for (int column = threadIdx.x * 4; column < width; column += TEAM_THREADS * 4) {
		Four total = load4(shared + column);
#pragma unroll 1
		for (int team = 1; team < t.teams; team++) {
			Four other = load4(shared + team * width + column);
			for (int j = 0; j < 4; j++) total.at[j] += other.at[j];
		}
		store4(partials + column, total);
	}
	__syncthreads();
}

// The gradient of norm_bf16, as norm_gradient_float has it, and the first stage of the gradients of γ and β, as
// norm_parameter_partials_float has it, unless partials is null. partials [blocks, 2, width], blocks and rows_of_block
// from NormBlocks. Grid: blocks.
KERNEL_OF(TEAM, norm_gradient_bf16, bf16 *dx, bf16 *dresidual, float *partials, const bf16 *dy, const bf16 *sum,
	const float *stats, const int *rows, const float *gamma, int count, int width, int rows_of_block, int kind,
	float epsilon, DROPOUT, int accumulate_x, int accumulate_residual) {
	SHARED_FLOATS(shared[TEAM_WARPS * 32 * N]);
	__shared__ RowSums totals[2][TEAM_WARPS];
	__shared__ RowTerms prepared[TEAM_WARPS][32];
	Dropout d = DROPOUT_OF;
	int first = blockIdx.x * rows_of_block, last = smaller(first + rows_of_block, count);
	partials = partials ? partials + (size_t)blockIdx.x * 2 * width : partials;
	if (width % N != 0 || width > TEAM_WARPS * 32 * N) {
		if (partials) column_at_a_time(partials, dy, sum, stats, first, last, width, kind, epsilon);
		for (int row = first + (threadIdx.x >> 5); row < last; row += TEAM_WARPS)
			norm_gradient(dx, dresidual, dy, sum, stats, rows, gamma, row, width, kind, epsilon, d, accumulate_x,
				accumulate_residual);
		return;
	}
	Team t = team_of(width);
	bool has = t.number < t.teams && t.column < width;
	auto w = all_of<N>(0), dgamma = w, dbeta = w;
	if (has) load(w, gamma + t.column);
	int turn = 0;
#pragma unroll 1
	for (int from = first, k = 0; from < last; from += t.teams, k = (k + 1) & 31, turn ^= 1) {
		if (k == 0) { // each lane prepares one of the next 32 rows
			int lane = threadIdx.x & 31;
			__syncwarp();
			prepared[threadIdx.x >> 5][lane] = row_terms(stats, rows, from + t.number + lane * t.teams, last, width, kind, epsilon, d);
			__syncwarp();
		}
		const RowTerms &terms = prepared[threadIdx.x >> 5][k];
		int row = from + t.number;
		bool present = has && row < last;
		size_t at = (size_t)row * width + t.column;
		Words4 gradients = {}, values = {}; // dy, sum
		if (present) gradients = *words4_at(dy + at), values = *words4_at(sum + at);
		Elements<N> g = unpack(gradients), c = unpack(values);
		RowSums sums = {0, 0};
		for (int j = 0; j < N; j++) {
			float centred = (c.at[j] - terms.mean) * terms.inverse, weighted = g.at[j] * w.at[j];
			dgamma.at[j] = fmaf(g.at[j], centred, dgamma.at[j]);
			dbeta.at[j] += g.at[j];
			sums.slope += weighted, sums.product = fmaf(weighted, centred, sums.product);
		}
		sums = team_sums(sums, t, totals[turn]);
		if (!present) continue;
		// g/q - (c-μ) factor - shift
		float factor = sums.product * terms.scale, rest = terms.mean * factor;
		if (kind != NORM_RMS) rest -= sums.slope * reciprocal_fast((float)width) * terms.inverse;
		for (int i = 0; i < 4; i++) gradients[i] = forgotten(gradients[i]), values[i] = forgotten(values[i]);
		g = unpack(gradients), c = unpack(values);
		for (int j = 0; j < N; j++) g.at[j] = fmaf(c.at[j], -factor, fmaf(g.at[j] * w.at[j], terms.inverse, rest));
		if (dresidual) put_aligned(dresidual + at, g, accumulate_residual);
		if (!dx) continue;
		if (d.threshold)
			for (int j = 0; j < N; j++) g.at[j] = dropped(d, terms.key, t.column + j, g.at[j]);
		put_aligned(dx + at, g, accumulate_x);
	}
	if (!partials) return;
	write_sums(partials, dgamma, t, width, has, shared);
	write_sums(partials + width, dbeta, t, width, has, shared);
}
