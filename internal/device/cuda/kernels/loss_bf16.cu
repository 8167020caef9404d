// Softmax and cross-entropy of rows of logits in bfloat16. A block works through a row, which it reads twice.
#include "approximate.h"
#include "elements.h"
#include "warp.h"

const int N = GROUP<bf16>;
const int ROW_THREADS = 512; // of a block
const int ROW_WARPS = ROW_THREADS / 32;

// Softmax is what is known of some numbers: the largest, and Σ e^(x - largest). Of none it is {LEAST, 0}.
struct Softmax {
	float largest, sum;
};
const float LEAST = -0x1p127f; // not infinite, so that differences are numbers

DEVFN Softmax both(const Softmax &a, const Softmax &b) {
	Softmax s;
	s.largest = larger(a.largest, b.largest);
	s.sum = a.sum * exp_fast(a.largest - s.largest) + b.sum * exp_fast(b.largest - s.largest);
	return s;
}

// with_group adds N numbers.
DEVFN Softmax with_group(Softmax s, const Elements<N> &x, float largest) {
	if (largest > s.largest) s.sum *= exp_fast(s.largest - largest), s.largest = largest;
	for (int j = 0; j < N; j++) s.sum += exp_fast(x.at[j] - s.largest);
	return s;
}

DEVFN Softmax block_softmax(Softmax s, int &beaten, Softmax (&shared)[ROW_WARPS], int (&shared_beaten)[ROW_WARPS]) {
	for (int d = 16; d > 0; d >>= 1) {
		Softmax other;
		other.largest = __shfl_xor_sync(0xffffffffu, s.largest, d);
		other.sum = __shfl_xor_sync(0xffffffffu, s.sum, d);
		s = both(s, other);
		beaten |= __shfl_xor_sync(0xffffffffu, beaten, d);
	}
	if ((threadIdx.x & 31) == 0) shared[threadIdx.x >> 5] = s, shared_beaten[threadIdx.x >> 5] = beaten;
	__syncthreads();
	s = shared[0];
	for (int w = 1; w < ROW_WARPS; w++) s = both(s, shared[w]);
	for (int w = 0; w < ROW_WARPS; w++) beaten |= shared_beaten[w];
	return s;
}

// read_group reads a thread's part of a row that need not begin at a multiple of 16 bytes. The part does: the first and the
// last one of a row may have elements outside it.
DEVFN Elements<N> read_group(const bf16 *row, int at, int classes, float outside) {
	Elements<N> e;
	if (at >= 0 && at + N <= classes) {
		load(e, row + at);
		return e;
	}
	for (int j = 0; j < N; j++) e.at[j] = at + j >= 0 && at + j < classes ? load_element(row + at + j) : outside;
	return e;
}

// As cross_entropy_float. Grid: rows.
KERNEL_OF(ROW_THREADS, cross_entropy_bf16, bf16 *logits, float *losses, float *hits, const int *labels, int classes,
	int stride, float scale) {
	__shared__ Softmax softmaxes[ROW_WARPS];
	__shared__ int beats[ROW_WARPS];
	bf16 *row = logits + (size_t)blockIdx.x * stride;
	int label = labels[blockIdx.x], first = (int)threadIdx.x * N - (int)((size_t)row % 16 / sizeof(bf16));
	float target = load_element(row + label);
	Softmax s = {LEAST, 0};
	int beaten = 0; // by a larger logit, or an equal one that stands before
#pragma unroll 2
	for (int i = first; i < classes; i += ROW_THREADS * N) {
		Elements<N> x = read_group(row, i, classes, -INFINITY);
		float largest = x.at[0];
		for (int j = 1; j < N; j++) largest = larger(largest, x.at[j]);
		if (largest >= target)
			for (int j = 0; j < N; j++) beaten |= x.at[j] > target || (x.at[j] == target && i + j < label);
		s = with_group(s, x, largest);
	}
	s = block_softmax(s, beaten, softmaxes, beats);
	float logarithm = log2_fast(s.sum), total = fmaf(s.largest, LOG2_E, logarithm); // log2 Σ e^x
	if (threadIdx.x == 0) {
		losses[blockIdx.x] = fmaf(logarithm, LN_2, s.largest - target);
		hits[blockIdx.x] = !beaten;
	}
#pragma unroll 2
	for (int i = first; i < classes; i += ROW_THREADS * N) {
		Elements<N> x = read_group(row, i, classes, 0);
		for (int j = 0; j < N; j++) {
			float p = exp2_fast(fmaf(x.at[j], LOG2_E, -total));
			x.at[j] = (i + j == label ? p - 1.0f : p) * scale;
		}
		if (i >= 0 && i + N <= classes) store(row + i, x);
		else
			for (int j = 0; j < N; j++)
				if (i + j >= 0 && i + j < classes) store_element(row + i + j, x.at[j]);
	}
}
