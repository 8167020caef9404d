//go:build cgo

package kernel

// #include "attention.h"
//
// static void attention_forward(int set, struct uer_attention t) { UER_CALL(set, attention_forward, (t)); }
// static void attention_backward(int set, struct uer_attention t) { UER_CALL(set, attention_backward, (t)); }
//
// #cgo noescape attention_forward
// #cgo nocallback attention_forward
// #cgo noescape attention_backward
// #cgo nocallback attention_backward
import "C"

func nativeAttention(set nativeSet) attentionRoutines {
	return attentionRoutines{
		forward:  func(t *attentionHeads) { C.attention_forward(set, t.native()) },
		backward: func(t *attentionHeads) { C.attention_backward(set, t.native()) },
	}
}

func (t *attentionHeads) native() C.struct_uer_attention {
	return C.struct_uer_attention{
		queries: C.size_t(t.queries), keys: C.size_t(t.keys), size: C.size_t(t.size), width: C.size_t(t.width),
		head: C.size_t(t.head), count: C.size_t(t.count), heads: C.size_t(t.heads), always: C.size_t(t.always), limit: C.size_t(t.limit),
		scale: C.float(t.scale), bias: floats(t.bias), dbias: floats(t.dbias), centre: C.size_t(t.centre),
		dropout: t.dropout.native(), rows: integers(t.rows),
		q: floats(t.q), k: floats(t.k), v: floats(t.v), out: floats(t.out), lse: floats(t.lse),
		dq: floats(t.dq), dk: floats(t.dk), dv: floats(t.dv), dout: floats(t.dout),
		accumulate: [3]C.int{flag(t.accumulate[0]), flag(t.accumulate[1]), flag(t.accumulate[2])},
		scratch:    floats(t.scratch),
	}
}
