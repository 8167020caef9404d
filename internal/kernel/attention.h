// Attention of heads over one sequence; the fields are those of attentionHead in attention.go.
#ifndef UER_ATTENTION_H
#define UER_ATTENTION_H

#include <stddef.h>
#include <stdint.h>

#include "rows.h"

struct uer_attention {
	size_t queries, keys, size, width, head, count, heads, always, limit;
	float scale;
	const float *bias;
	float *dbias;
	size_t centre;

	uer_dropout dropout;
	const int32_t *rows; // NULL without dropout

	const float *q, *k, *v;
	float *out, *lse;
	const float *dout;
	float *dq, *dk, *dv;
	int accumulate[3];
	float *scratch;
};

UER_PROTOTYPES(void, attention_forward, (struct uer_attention t))
UER_PROTOTYPES(void, attention_backward, (struct uer_attention t))

#endif
