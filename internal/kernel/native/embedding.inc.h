// Rows of tables, looked up and added to by number.
#ifndef UER_EMBEDDING_INC_H
#define UER_EMBEDDING_INC_H

#include "elementwise.inc.h"

static void embedding_forward(struct embedding_forward a) {
	for (size_t i = 0; i < a.n; i++)
		scale_loop(a.out + i * a.width, a.table + (size_t)a.ids[i] * a.width, a.width, a.scale, a.accumulate);
}

static void embedding_backward(struct embedding_backward a) {
	for (size_t i = 0; i < a.n; i++)
		scale_loop(a.dtable + (size_t)a.ids[i] * a.width, a.dout + i * a.stride, a.columns, a.scale, 1);
}

#endif
