// Softmax and cross-entropy of rows of logits. A block works through a row.
#include "column_sums.h"
#include "functions.h"
#include "warp.h"

// Largest is the largest of some logits, and the first place where it stands.
struct Largest {
	float value;
	int at;
};

DEVFN Largest larger(const Largest &a, const Largest &b) {
	return b.value > a.value || (b.value == a.value && b.at < a.at) ? b : a;
}

DEVFN Largest block_largest(Largest l, Largest (&shared)[WARPS]) {
	for (int d = 16; d > 0; d >>= 1) {
		Largest other;
		other.value = __shfl_xor_sync(0xffffffffu, l.value, d);
		other.at = __shfl_xor_sync(0xffffffffu, l.at, d);
		l = larger(l, other);
	}
	if ((threadIdx.x & 31) == 0) shared[threadIdx.x >> 5] = l;
	__syncthreads();
	l = shared[0];
	for (int w = 1; w < WARPS; w++) l = larger(l, shared[w]);
	return l;
}

DEVFN float block_sum(float x, float (&shared)[WARPS]) {
	x = warp_sum(x);
	if ((threadIdx.x & 31) == 0) shared[threadIdx.x >> 5] = x;
	__syncthreads();
	x = shared[0];
	for (int w = 1; w < WARPS; w++) x += shared[w];
	return x;
}

template <class T> DEVFN void cross_entropy(T *logits, float *losses, float *hits, const int *labels, int classes,
	int stride, float scale, float z_loss, Largest (&largests)[WARPS], float (&sums)[WARPS]) {
	T *row = logits + (size_t)blockIdx.x * stride;
	int label = labels[blockIdx.x];
	Largest largest = {-INFINITY, classes};
	for (int i = threadIdx.x * 4; i < classes; i += THREADS * 4) {
		Four f = read4(row + i, classes - i);
		for (int j = 0; j < 4; j++) {
			Largest l = {f.at[j], i + j};
			if (i + j < classes) largest = larger(largest, l);
		}
	}
	largest = block_largest(largest, largests);
	float sum = 0;
	for (int i = threadIdx.x * 4; i < classes; i += THREADS * 4) {
		Four f = read4(row + i, classes - i);
#pragma unroll 1
		for (int j = 0; j < 4; j++) {
			float e = exp32(f.at[0] - largest.value);
			sum += i + j < classes ? e : 0;
			next(f, 0);
		}
	}
	sum = block_sum(sum, sums);
	float logarithm = log32(sum), z = logarithm + largest.value;
	if (threadIdx.x == 0) {
		losses[blockIdx.x] = logarithm + (largest.value - read4(row + label, 1).at[0]) + z_loss * z * z;
		hits[blockIdx.x] = largest.at == label;
	}
	__syncthreads(); // the label's logit is read before it is overwritten
	float share = 1.0f / sum * (1 + 2 * z_loss * z);
	for (int i = threadIdx.x * 4; i < classes; i += THREADS * 4) {
		Four f = read4(row + i, classes - i);
#pragma unroll 1
		for (int j = 0; j < 4; j++)
			next(f, (exp32(f.at[0] - largest.value) * share - (i + j == label ? 1.0f : 0.0f)) * scale);
		write4(row + i, f, classes - i);
	}
}

// Of each row, with z = log Σ exp(logits), losses = z - logits[label] + z_loss z², hits = 1 if the label has the largest
// logit (of equal ones the first), else 0; and logits become their gradient ((1 + 2 z_loss z) softmax(logits) -
// onehot(label)) scale. logits [rows, classes], its rows stride apart; losses, hits, labels [rows]. Grid: rows.
KERNEL_OF(THREADS, cross_entropy_float, float *logits, float *losses, float *hits, const int *labels, int classes,
	int stride, float scale, float z_loss) {
	__shared__ Largest largests[WARPS];
	__shared__ float sums[WARPS];
	cross_entropy(logits, losses, hits, labels, classes, stride, scale, z_loss, largests, sums);
}

// loss = the mean of losses, correct = the sum of hits; both 0 without rows, and either may be null. loss, correct
// scalars; losses, hits [rows]. Grid: 1.
KERNEL_OF(
	THREADS, cross_entropy_totals, float *loss, float *correct, const float *losses, const float *hits, int rows) {
	__shared__ double shared[2][THREADS];
	double sums[2] = {0, 0};
	for (int i = threadIdx.x; i < rows; i += THREADS) sums[0] += losses[i], sums[1] += hits[i];
	for (int i = 0; i < 2; i++) shared[i][threadIdx.x] = sums[i];
	for (int half = THREADS / 2; half > 0; half /= 2) {
		__syncthreads();
		if ((int)threadIdx.x < half)
			for (int i = 0; i < 2; i++) shared[i][threadIdx.x] += shared[i][threadIdx.x + half];
	}
	if (threadIdx.x != 0) return;
	if (loss) *loss = rows > 0 ? (float)(shared[0][0] / rows) : 0;
	if (correct) *correct = (float)shared[1][0];
}
