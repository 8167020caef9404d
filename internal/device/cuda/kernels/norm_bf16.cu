// Normalisation of rows with activations in bfloat16: norm.cu says what. A warp keeps its row in registers if that is not
// too long, and reads it again from memory if it is.
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
	float mean = kind != NORM_RMS ? warp_sum(total) / (float)width : 0, squares = 0;
#pragma unroll
	for (int i = 0; i < GROUPS; i++) {
		if (i * 32 * N + lane_column >= width) continue;
		Elements<N> f = unpack(values[i]);
		for (int j = 0; j < N; j++) squares = fmaf(f.at[j] - mean, f.at[j] - mean, squares);
	}
	squares = warp_sum(squares);
	float deviation =
		kind == NORM_UER ? sqrtf(squares / (float)larger(width - 1, 1)) : sqrtf(squares / (float)width + epsilon);
	if (lane_column == 0) stats[0] = mean, stats[1] = deviation;
	float inverse = 1.0f / divisor(kind, epsilon, deviation);
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

// Team is how the warps of a block share out its rows in norm_gradient_bf16: 1, 2, 4 or 8 of them work through a row, of
// which a lane has up to SHARE groups.
const int SHARE = 2;
struct Team {
	int warps;        // of a row
	int member, row;  // this warp's place in its team, and its team's in the block
};

DEVFN Team team_of(int width) {
	Team t;
	t.warps = 1;
	while (t.warps * SHARE * 32 * N < width) t.warps *= 2;
	int warp = threadIdx.x >> 5;
	t.member = warp & (t.warps - 1), t.row = warp / t.warps;
	return t;
}

DEVFN int column_of(const Team &t, int group) { return ((group * t.warps + t.member) * 32 + (threadIdx.x & 31)) * N; }

// team_sums adds up two numbers over the threads of a team. All threads of the block call it, in turns with the two halves
// of shared memory.
DEVFN void team_sums(float &a, float &b, const Team &t, float (&shared)[WARPS][2]) {
	a = warp_sum(a), b = warp_sum(b);
	if (t.warps == 1) return;
	int warp = threadIdx.x >> 5;
	if ((threadIdx.x & 31) == 0) shared[warp][0] = a, shared[warp][1] = b;
	__syncthreads();
	a = b = 0;
	for (int w = t.row * t.warps; w < (t.row + 1) * t.warps; w++) a += shared[w][0], b += shared[w][1];
}

// write_sums adds up the sums of the teams, in their order, and writes them to partials [width].
DEVFN void write_sums(
	float *partials, const Elements<N> (&sums)[SHARE], const Team &t, int width, float (&shared)[WARPS * SHARE * 32 * N]) {
#pragma unroll
	for (int i = 0; i < SHARE; i++)
		if (column_of(t, i) < width) store(shared + t.row * width + column_of(t, i), sums[i]);
	__syncthreads();
	for (int column = threadIdx.x * 4; column < width; column += THREADS * 4) {
		Four total = load4(shared + column);
		for (int row = 1; row < WARPS / t.warps; row++) {
			Four other = load4(shared + row * width + column);
			for (int j = 0; j < 4; j++) total.at[j] += other.at[j];
		}
		store4(partials + column, total);
	}
	__syncthreads();
}

// The gradient of norm_bf16, as norm_gradient_float has it, and the first stage of the gradients of γ and β, as
// norm_parameter_partials_float has it, unless partials is null. partials [blocks, 2, width], blocks and rows_of_block
// from NormBlocks. Grid: blocks.
KERNEL_OF(THREADS, norm_gradient_bf16, bf16 *dx, bf16 *dresidual, float *partials, const bf16 *dy, const bf16 *sum,
	const float *stats, const int *rows, const float *gamma, int count, int width, int rows_of_block, int kind,
	float epsilon, DROPOUT, int accumulate_x, int accumulate_residual) {
	SHARED_FLOATS(shared[WARPS * SHARE * 32 * N]);
	__shared__ float totals[2][WARPS][2];
	Dropout d = DROPOUT_OF;
	int first = blockIdx.x * rows_of_block, last = smaller(first + rows_of_block, count);
	partials = partials ? partials + (size_t)blockIdx.x * 2 * width : partials;
	if (width % N != 0 || width > WARPS * SHARE * 32 * N) {
		if (partials)
			for (int column = 0; column < width; column += STRIP<bf16>) {
				Strip s = {column + first_column<N>(), 0, first + (int)(threadIdx.x >> 5), last};
				s.left = larger(0, smaller(width - s.column, N));
				norm_parameter_partials(
					partials, dy, sum, stats, s, width, kind, epsilon, *(float(*)[WARPS][STRIP<bf16>]) & shared);
			}
		for (int row = first + (threadIdx.x >> 5); row < last; row += WARPS)
			norm_gradient(dx, dresidual, dy, sum, stats, rows, gamma, row, width, kind, epsilon, d, accumulate_x,
				accumulate_residual);
		return;
	}
	Team t = team_of(width);
	Elements<N> dgamma[SHARE], dbeta[SHARE];
	for (int i = 0; i < SHARE; i++) dgamma[i] = dbeta[i] = all_of<N>(0);
	int turn = 0;
	for (int from = first; from < last; from += WARPS / t.warps, turn ^= 1) {
		int row = from + t.row;
		size_t at = (size_t)row * width;
		Words4 gradients[SHARE] = {}, values[SHARE] = {}; // dy, sum
		float mean = 0, deviation = 1, slope = 0, product = 0; // Σ g, Σ g c/q
		if (row < last) {
			mean = stats[2 * row], deviation = stats[2 * row + 1];
#pragma unroll
			for (int i = 0; i < SHARE; i++)
				if (column_of(t, i) < width) {
					gradients[i] = *words4_at(dy + at + column_of(t, i));
					values[i] = *words4_at(sum + at + column_of(t, i));
				}
		}
		float inverse = 1.0f / divisor(kind, epsilon, deviation);
#pragma unroll
		for (int i = 0; i < SHARE; i++) {
			int column = column_of(t, i);
			if (row >= last || column >= width) continue;
			Elements<N> g = unpack(gradients[i]), c = unpack(values[i]), w;
			load(w, gamma + column);
			for (int j = 0; j < N; j++) {
				float centred = (c.at[j] - mean) * inverse;
				dgamma[i].at[j] = fmaf(g.at[j], centred, dgamma[i].at[j]);
				dbeta[i].at[j] += g.at[j];
				g.at[j] *= w.at[j];
				slope += g.at[j], product = fmaf(g.at[j], centred, product);
			}
		}
		team_sums(slope, product, t, totals[turn]);
		if (row >= last) continue;
		// Of kind 0, the second term is c/q Σ(g c/q)/(s (width-1)); of the others it is c/q Σ(g c/q)/(q width).
		float scale = deviation * (float)(kind == NORM_UER ? larger(width - 1, 1) : width);
		float factor = deviation == 0 ? 0 : product / scale * inverse;
		float shift = kind != NORM_RMS ? slope / (float)width * inverse : 0;
		uint64_t row_key = dropout_row(d, rows, row);
#pragma unroll
		for (int i = 0; i < SHARE; i++) {
			int column = column_of(t, i);
			if (column >= width) continue;
			Elements<N> g = unpack(gradients[i]), c = unpack(values[i]), w;
			load(w, gamma + column);
			for (int j = 0; j < N; j++) g.at[j] = fmaf(g.at[j] * w.at[j], inverse, -shift) - (c.at[j] - mean) * factor;
			if (dresidual) put_aligned(dresidual + at + column, g, accumulate_residual);
			if (!dx) continue;
			if (d.threshold)
				for (int j = 0; j < N; j++) g.at[j] = dropped(d, row_key, column + j, g.at[j]);
			put_aligned(dx + at + column, g, accumulate_x);
		}
	}
	if (!partials) return;
	write_sums(partials, dgamma, t, width, shared);
	write_sums(partials + width, dbeta, t, width, shared);
}
