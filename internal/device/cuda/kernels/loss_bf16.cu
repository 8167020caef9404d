// Softmax and cross-entropy of rows of logits in bfloat16. A block works through a row, of which its threads keep the first
// 28,672 logits in registers, and read others a second time.
#include "approximate.h"
#include "elements.h"
#include "tensor.h"
#include "warp.h"

const int N = GROUP<bf16>;
const int ROW_THREADS = 512;   // of a block
#define ROW ROW_THREADS, 2 // blocks that a multiprocessor has registers for
const int KEPT = 7; // groups of a thread
const int ROW_WARPS = ROW_THREADS / 32;

// Softmax is what is known of some numbers: the largest, and Σ e^(x - largest). Of none it is {LEAST, 0}.
struct Softmax {
	float largest, sum;
};
const float LEAST = -0x1p127f; // not infinite, so that differences are numbers

// with_group adds N numbers.
DEVFN Softmax with_group(Softmax s, const Elements<N> &x, float largest) {
	if (largest > s.largest) s.sum *= exp_fast(s.largest - largest), s.largest = largest;
	for (int j = 0; j < N; j++) s.sum += exp_fast(x.at[j] - s.largest);
	return s;
}

// warp_softmax is that of all numbers of a warp.
DEVFN Softmax warp_softmax(Softmax s) {
	float largest = warp_largest(s.largest);
	s.sum = warp_sum(s.sum * exp_fast(s.largest - largest)), s.largest = largest;
	return s;
}

// block_softmax is that of all numbers of a block. Every warp makes it of what all warps have. Thread 0 gets whether any
// thread is beaten.
DEVFN Softmax block_softmax(Softmax s, int &beaten, Softmax (&shared)[ROW_WARPS], int (&beats)[ROW_WARPS]) {
	int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
	s = warp_softmax(s);
	for (int d = 16; d > 0; d >>= 1) beaten |= __shfl_xor_sync(0xffffffffu, beaten, d);
	if (lane == 0) shared[warp] = s, beats[warp] = beaten;
	__syncthreads();
	if (threadIdx.x == 0)
#pragma unroll 1
		for (int w = 1; w < ROW_WARPS; w++) beaten |= beats[w];
	Softmax none = {LEAST, 0};
	return warp_softmax(lane < ROW_WARPS ? shared[lane] : none);
}

// read_group reads a thread's part of a row that need not begin at a multiple of 16 bytes. The part does: the first and the
// last one of a row may have elements outside it, which are -∞.
DEVFN Words4 read_group(const bf16 *row, int at, int classes) {
	if (at >= 0 && at + N <= classes) return *words4_at(row + at);
	Words4 v = {0, 0, 0, 0};
#pragma unroll 1
	for (int i = at + N - 1; i >= at; i--) {
		unsigned bits = i >= 0 && i < classes ? row[i].bits : 0xff80;
		v = Words4{v[0] << 16 | bits, v[1] << 16 | v[0] >> 16, v[2] << 16 | v[1] >> 16, v[3] << 16 | v[2] >> 16};
	}
	return v;
}

DEVFN void write_group(bf16 *row, int at, int classes, Words4 v) {
	if (at >= 0 && at + N <= classes) {
		*words4_at(row + at) = v;
		return;
	}
#pragma unroll 1
	for (int i = at; i < at + N; i++) {
		if (i >= 0 && i < classes) row[i].bits = (uint16_t)v[0];
		v = Words4{v[0] >> 16 | v[1] << 16, v[1] >> 16 | v[2] << 16, v[2] >> 16 | v[3] << 16, v[3] >> 16};
	}
}

// Row is what a block knows of its row, and a thread of its part.
struct Row {
	int label;
	float target;    // the label's logit
	Softmax softmax; // of the part
	int beaten;      // the target, by a larger logit or by an equal one that stands before
};

DEVFN void add_group(Row &r, const Words4 &v, int at) {
	Elements<N> x = unpack(v);
	float largest = x.at[0];
	for (int j = 1; j < N; j++) largest = fmaxf(largest, x.at[j]);
	r.beaten |= largest > r.target;
	if (largest == r.target) // seldom
		for (int j = 0; j < N; j++) r.beaten |= x.at[j] == r.target && at + j < r.label;
	r.softmax = with_group(r.softmax, x, largest);
}

// gradient_of is 2^(x log2 e - total) share - onehot(label) scale.
DEVFN Words4 gradient_of(const Words4 &v, int at, int label, float total, float share, float scale) {
	Elements<N> x = unpack(v);
	for (int j = 0; j < N; j++) x.at[j] = exp2_fast(fmaf(x.at[j], LOG2_E, -total)) * share;
	if (label >= at && label < at + N)
		for (int j = 0; j < N; j++)
			if (at + j == label) x.at[j] -= scale;
	return pack(x);
}

// As cross_entropy_float. Grid: rows.
KERNEL_OF(ROW, cross_entropy_bf16, bf16 *logits, float *losses, float *hits, const int *labels, int classes, int stride,
	float scale, float z_loss) {
	__shared__ Softmax softmaxes[ROW_WARPS];
	__shared__ int beats[ROW_WARPS];
	bf16 *row = logits + (size_t)blockIdx.x * stride;
	const int step = ROW_THREADS * N;
	int first = (int)threadIdx.x * N - (int)((size_t)row % 16 / sizeof(bf16));
	Row r = {labels[blockIdx.x], 0, {LEAST, 0}, 0};
	Words4 kept[KEPT];
#pragma unroll
	for (int k = 0; k < KEPT; k++)
		if (first + k * step < classes) kept[k] = read_group(row, first + k * step, classes);
	r.target = load_element(row + r.label); // behind the reads, which need not wait for the label
#pragma unroll
	for (int k = 0; k < KEPT; k++)
		if (first + k * step < classes) add_group(r, kept[k], first + k * step);
#pragma unroll 1
	for (int i = first + KEPT * step; i < classes; i += step) add_group(r, read_group(row, i, classes), i);
	Softmax s = block_softmax(r.softmax, r.beaten, softmaxes, beats);
	float logarithm = log2_fast(s.sum), total = fmaf(s.largest, LOG2_E, logarithm); // log2 Σ e^x
	float z = total * LN_2, share = scale * (1 + 2 * z_loss * z);
	if (threadIdx.x == 0) {
		losses[blockIdx.x] = fmaf(logarithm, LN_2, s.largest - r.target) + z_loss * z * z;
		hits[blockIdx.x] = !r.beaten;
	}
#pragma unroll
	for (int k = 0; k < KEPT; k++) {
		int at = first + k * step;
		kept[k] = forgotten(kept[k]);
		if (at < classes) write_group(row, at, classes, gradient_of(kept[k], at, r.label, total, share, scale));
	}
#pragma unroll 1
	for (int i = first + KEPT * step; i < classes; i += step)
		write_group(row, i, classes, gradient_of(read_group(row, i, classes), i, r.label, total, share, scale));
}
