// The set of the instruction set that the file which includes this was compiled for: its vectors have VECTOR_BYTES, and
// NAME(set) is the name of the set.
#include "adafactor.inc.h"
#include "adamw.inc.h"
#include "attention.inc.h"
#include "convolution.inc.h"
#include "cross_entropy.inc.h"
#include "dropout_add.inc.h"
#include "elementwise.inc.h"
#include "embedding.inc.h"
#include "gated.inc.h"
#include "matmul.inc.h"
#include "norm.inc.h"
#include "recurrent.inc.h"
#include "reduce.inc.h"
#include "routines.h"
#if defined(UER_SET_AVX512) || defined(UER_SET_AVX2)
#include "attention_chains.inc.h"
#include "attention_tiles.inc.h"
#define CHAIN_ATTENTION .tile_attention_forward = tile_attention_forward, .tile_attention_backward = tile_attention_backward,
#define CHAIN_PRODUCTS , [BFLOAT16] = CHAIN_MATMUL(1), [BFLOAT16X3] = CHAIN_MATMUL(2), [BFLOAT16X6] = CHAIN_MATMUL(3)
#else
#define CHAIN_PRODUCTS // the portable ones
#define CHAIN_ATTENTION
#endif

const struct set NAME(set) = {
	.matmul = {[FLOAT32] = MATMUL CHAIN_PRODUCTS},
	.recurrent = {recurrent_pack_forward, recurrent_pack_backward, recurrent_forward, recurrent_backward},
	.attention_forward = attention_forward,
	.attention_backward = attention_backward,
	CHAIN_ATTENTION
	.windows = windows,
	.split_taps = split_taps,
	.activation_backward = activation_backward,
	.gated_forward = gated_forward,
	.gated_backward = gated_backward,
	.dropout_add = dropout_add,
	.norm_forward = norm_forward,
	.norm_backward = norm_backward,
	.embedding_forward = embedding_forward,
	.embedding_backward = embedding_backward,
	.cross_entropy = cross_entropy,
	.widen = widen,
	.narrow = narrow,
	.add = add,
	.scale = scale,
	.column_sum = column_sum,
	.sum_squares = sum_squares,
	.all_finite = all_finite,
	.adamw = adamw,
	.stable_moments = stable_moments,
	.stable_step = stable_step,
	.adafactor_sums = adafactor_sums,
	.adafactor_squares = adafactor_squares,
	.adafactor_update = adafactor_update,
};
