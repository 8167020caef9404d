//go:build cgo

package native

// #include "call.h"
import "C"

import "uer/internal/kernel/routine"

func fillAttention(s *C.struct_set, t *routine.Table) {
	put(&t.AttentionForward, s.attention_forward, func(a routine.AttentionHeads) {
		C.call_attention_forward(s, attentionHeads(&a))
	})
	put(&t.AttentionBackward, s.attention_backward, func(a routine.AttentionHeads) {
		C.call_attention_backward(s, attentionHeads(&a))
	})
	put(&t.TileAttentionForward, s.tile_attention_forward, func(a routine.AttentionHeads) {
		C.call_tile_attention_forward(s, attentionHeads(&a))
	})
	put(&t.TileAttentionBackward, s.tile_attention_backward, func(a routine.AttentionHeads) {
		C.call_tile_attention_backward(s, attentionHeads(&a))
	})
}

func attentionHeads(t *routine.AttentionHeads) C.struct_attention_heads {
	return C.struct_attention_heads{
		queries: C.size_t(t.Queries), keys: C.size_t(t.Keys), size: C.size_t(t.Size), width: C.size_t(t.Width),
		head: C.size_t(t.Head), count: C.size_t(t.Count), heads: C.size_t(t.Heads),
		prefix: C.size_t(t.Prefix), visible_keys: C.size_t(t.VisibleKeys),
		scale: C.float(t.Scale), bias: floats(t.Bias), dbias: floats(t.DBias), centre: C.size_t(t.Centre),
		dropout: dropout(t.Dropout), rows: integers(t.Rows),
		half: array(t.K).half,
		q:    numbers(t.Q), k: numbers(t.K), v: numbers(t.V), out: numbers(t.Out), lse: floats(t.LSE),
		dout: numbers(t.DOut), dq: sums(t.DQ), dk: sums(t.DK), dv: sums(t.DV),
		scratch: floats(t.Scratch),
	}
}

func numbers(a routine.Array) *C.float { return (*C.float)(array(a).at) }

func sums(o routine.Output) C.struct_sums {
	return C.struct_sums{to: numbers(o.To), accumulate: flag(o.Accumulate)}
}
