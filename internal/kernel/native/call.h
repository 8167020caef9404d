// How Go calls a routine: cgo cannot call a function pointer, so there is a function call_x for each.
#ifndef UER_CALL_H
#define UER_CALL_H

#include "routines.h"

// The sets that this architecture does not have are NULL.
#if defined(__x86_64__)
#define ONLY_X86(address) (address)
#else
#define ONLY_X86(address) NULL
#endif
static inline const struct set *set_baseline(void) { return &uer_set_baseline; }
static inline const struct set *set_avx2(void) { return ONLY_X86(&uer_set_avx2); }
static inline const struct set *set_avx512(void) { return ONLY_X86(&uer_set_avx512); }
static inline const struct set *set_avx512bf16(void) { return ONLY_X86(&uer_set_avx512bf16); }
static inline const struct set *set_amx(void) { return ONLY_X86(&uer_set_amx); }
static inline const struct set *set_amx_emulated(void) { return ONLY_X86(&uer_set_amx_emulated); }

#define CALL(owner, result, name, argument) \
	static inline result call_##name(const struct owner *table, struct argument a) { return table->name(a); }

CALL(matmul, void, pack, pack)
CALL(matmul, void, multiply, multiply)
static inline size_t call_peak(const struct matmul *m, size_t rounds, float *sink) { return m->peak(rounds, sink); }

CALL(recurrent, void, pack_forward, recurrent_step)
CALL(recurrent, void, pack_backward, recurrent_step)
CALL(recurrent, void, forward, recurrent_step)
CALL(recurrent, void, backward, recurrent_step)

CALL(set, void, attention_forward, attention_heads)
CALL(set, void, attention_backward, attention_heads)
CALL(set, void, tile_attention_forward, attention_heads)
CALL(set, void, tile_attention_backward, attention_heads)
CALL(set, void, windows, windows)
CALL(set, void, split_taps, split_taps)
CALL(set, void, activation_backward, activation_backward)
CALL(set, void, gated_forward, gated_forward)
CALL(set, void, gated_backward, gated_backward)
CALL(set, void, dropout_add, dropout_add)
CALL(set, void, norm_forward, norm_forward)
CALL(set, void, norm_backward, norm_backward)
CALL(set, void, embedding_forward, embedding_forward)
CALL(set, void, embedding_backward, embedding_backward)
CALL(set, void, cross_entropy, cross_entropy)
CALL(set, void, widen, widen)
CALL(set, void, narrow, narrow)
CALL(set, void, add, add)
CALL(set, void, scale, scale)
CALL(set, void, column_sum, column_sum)
CALL(set, double, sum_squares, elements)
CALL(set, int, all_finite, elements)
CALL(set, void, adamw, adamw)
CALL(set, double, stable_moments, adamw)
CALL(set, void, stable_step, adamw)
CALL(set, void, adafactor_sums, factored)
CALL(set, double, adafactor_squares, factored)
CALL(set, void, adafactor_update, factored_update)

#endif
