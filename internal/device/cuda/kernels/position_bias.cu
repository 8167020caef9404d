// A table of biases by bucket, spread to all offsets of a key from its query.
#include "column_sums.h"
#include "warp.h"

// bias[h, o] = table[bucket_of[o], h]. bias [heads, offsets]; table [buckets, heads]; bucket_of [offsets]:
// op.PositionBuckets. Grid: ⌈heads·offsets/256⌉.
KERNEL_OF(THREADS, position_bias, float *bias, const float *table, const int *bucket_of, int heads, int offsets) {
	int i = blockIdx.x * THREADS + threadIdx.x;
	if (i < heads * offsets) bias[i] = table[bucket_of[i % offsets] * heads + i / offsets];
}

// dtable[b, h] = Σ dbias[h, o] over the offsets of bucket b, or += it: a warp each. dtable [buckets, heads]; dbias
// [heads, offsets]; bucket_of [offsets]. Grid: ⌈buckets·heads/8⌉.
KERNEL_OF(THREADS, position_bias_gradient, float *dtable, const float *dbias, const int *bucket_of, int buckets,
	int heads, int offsets, int accumulate) {
	int i = blockIdx.x * WARPS + (threadIdx.x >> 5);
	if (i >= buckets * heads) return;
	int bucket = i / heads, head = i % heads, lane = threadIdx.x & 31;
	float sum = 0;
	for (int o = lane; o < offsets; o += 32)
		if (bucket_of[o] == bucket) sum += dbias[(size_t)head * offsets + o];
	sum = warp_sum(sum);
	if (lane == 0) dtable[i] = accumulate ? dtable[i] + sum : sum;
}
