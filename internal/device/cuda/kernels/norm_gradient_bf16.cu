// The gradient of a normalisation of rows with activations in bfloat16: norm.cu says what. A lane has one group of the
// columns for all rows of its team, so that it can add up the gradients of γ and β on the way.
#include "approximate.h"
#include "norm.h"
#include "teams.h"
#include "tensor.h"

const int N = GROUP<bf16>;
const int TEAM_THREADS = 384; // of a block
#define TEAM TEAM_THREADS, 2 // blocks that a multiprocessor has registers for
const int TEAM_WARPS = TEAM_THREADS / 32;
const int SLOT = 16 * TEAM_THREADS; // bytes: a group of each thread

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

// columns_in_turn is the first stage of the gradients of γ and β for other widths: a thread adds up columns.
DEVFN void columns_in_turn(float *partials, const bf16 *dy, const bf16 *sum, const float *stats, int first, int last,
	int width, int kind, float epsilon) {
	for (int column = threadIdx.x * N; column < width; column += TEAM_THREADS * N)
		each_group<N>(smaller(N, width - column), width % N == 0, [&](auto count, int j) {
			auto dgamma = all_of<count.n>(0), dbeta = dgamma;
			for (int row = first; row < last; row++) {
				size_t at = (size_t)row * width + column + j;
				float mean = stats[2 * row], inverse = reciprocal_fast(divisor(kind, epsilon, stats[2 * row + 1]));
				auto g = loaded<count.n>(dy + at), c = loaded<count.n>(sum + at);
				for (int i = 0; i < count.n; i++) {
					dgamma.at[i] = fmaf(g.at[i], (c.at[i] - mean) * inverse, dgamma.at[i]);
					dbeta.at[i] += g.at[i];
				}
			}
			store(partials + column + j, dgamma), store(partials + width + column + j, dbeta);
		});
}

// write_sums adds up the sums of the teams, in their order, and writes them to partials [width].
DEVFN void write_sums(
	float *partials, const Elements<N> &sums, const Team &t, int first_column, int width, float *shared) {
	if (t.number < t.teams && first_column < width) store(shared + t.number * width + first_column, sums);
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
	SHARED_FLOATS(shared[4 * SLOT / 4]); // dy and sum of this row and of the next one; then the sums of the teams
	__shared__ float totals[2][TEAM_WARPS][2]; // in turns
	__shared__ RowTerms prepared[TEAM_WARPS][32];
	Dropout d = DROPOUT_OF;
	int first = blockIdx.x * rows_of_block, last = smaller(first + rows_of_block, count);
	partials = partials ? partials + (size_t)blockIdx.x * 2 * width : partials;
	if (width % N != 0 || width > TEAM_WARPS * 32 * N) {
		if (partials) columns_in_turn(partials, dy, sum, stats, first, last, width, kind, epsilon);
		for (int row = first + (threadIdx.x >> 5); row < last; row += TEAM_WARPS)
			norm_gradient(dx, dresidual, dy, sum, stats, rows, gamma, row, width, kind, epsilon, d, accumulate_x,
				accumulate_residual);
		return;
	}
	Team t = team_of(width, 32 * N, TEAM_WARPS);
	int column = (t.member * 32 + (threadIdx.x & 31)) * N;
	bool has = t.number < t.teams && column < width;
	auto w = all_of<N>(0), dgamma = w, dbeta = w;
	if (has) load(w, gamma + column);
	// A thread copies its part of the next row while it computes this one, and reads nobody else's.
	Address own = address_of(shared) + threadIdx.x * 16;
	auto fetch = [&](int row, int turn) {
		bool present = has && row < last;
		size_t at = (size_t)row * width + column;
		copy_async(own + 2 * SLOT * turn, dy + at, present);
		copy_async(own + 2 * SLOT * turn + SLOT, sum + at, present);
		copies_commit();
	};
	fetch(first + t.number, 0);
	int turn = 0;
#pragma unroll 1
	for (int from = first, k = 0; from < last; from += t.teams, k = (k + 1) & 31, turn ^= 1) {
		if (k == 0) { // each lane prepares one of the next 32 rows
			int lane = threadIdx.x & 31;
			__syncwarp();
			prepared[threadIdx.x >> 5][lane] =
				row_terms(stats, rows, from + t.number + lane * t.teams, last, width, kind, epsilon, d);
			__syncwarp();
		}
		const RowTerms &terms = prepared[threadIdx.x >> 5][k];
		int row = from + t.number;
		bool present = has && row < last;
		size_t at = (size_t)row * width + column;
		if (from + t.teams < last) {
			fetch(row + t.teams, turn ^ 1);
			copies_wait<1>();
		} else {
			copies_wait<0>();
		}
		Address fetched = own + 2 * SLOT * turn;
		Elements<N> g = unpack(load_words(fetched)), c = unpack(load_words(fetched + SLOT));
		float slope = 0, product = 0; // Σ g, Σ g c/q
		for (int j = 0; j < N; j++) {
			float centred = (c.at[j] - terms.mean) * terms.inverse, weighted = g.at[j] * w.at[j];
			dgamma.at[j] = fmaf(g.at[j], centred, dgamma.at[j]);
			dbeta.at[j] += g.at[j];
			slope += weighted, product = fmaf(weighted, centred, product);
		}
		team_sum(slope, product, t, totals[turn]);
		if (!present) continue;
		// g/q - (c-μ) factor - shift
		float factor = product * terms.scale, rest = terms.mean * factor;
		if (kind != NORM_RMS) rest -= slope * reciprocal_fast((float)width) * terms.inverse;
		g = unpack(load_words(fetched)), c = unpack(load_words(fetched + SLOT)); // again, rather than from registers
		for (int j = 0; j < N; j++) g.at[j] = fmaf(c.at[j], -factor, fmaf(g.at[j] * w.at[j], terms.inverse, rest));
		if (dresidual) put_aligned(dresidual + at, g, accumulate_residual);
		if (!dx) continue;
		column = (int)forgotten((unsigned)column);
		if (d.threshold)
			for (int j = 0; j < N; j++) g.at[j] = dropped(d, terms.key, column ^ j, g.at[j]);
		put_aligned(dx + at, g, accumulate_x);
	}
	if (!partials) return;
	__syncthreads();
	write_sums(partials, dgamma, t, column, width, shared);
	write_sums(partials + width, dbeta, t, column, width, shared);
}
