//go:build cgo

package kernel

// #include "recurrent.h"
//
// static void recurrent_pack_forward(int set, float *packed, const float *weights, int cell, size_t hidden, size_t first,
// 		size_t units) {
// 	UER_CALL(set, recurrent_pack_forward, (packed, weights, cell, hidden, first, units));
// }
// static void recurrent_pack_backward(int set, float *packed, const float *weights, int cell, size_t hidden, size_t first,
// 		size_t units) {
// 	UER_CALL(set, recurrent_pack_backward, (packed, weights, cell, hidden, first, units));
// }
// static void recurrent_forward(int set, struct uer_recurrent t) { UER_CALL(set, recurrent_forward, (t)); }
// static void recurrent_backward(int set, struct uer_recurrent t) { UER_CALL(set, recurrent_backward, (t)); }
//
// #cgo noescape recurrent_pack_forward
// #cgo nocallback recurrent_pack_forward
// #cgo noescape recurrent_pack_backward
// #cgo nocallback recurrent_pack_backward
// #cgo noescape recurrent_forward
// #cgo nocallback recurrent_forward
// #cgo noescape recurrent_backward
// #cgo nocallback recurrent_backward
import "C"

func nativeRecurrent(set nativeSet) recurrentRoutines {
	return recurrentRoutines{
		packForward: func(t *recurrentStep, tile int) {
			first, units := t.units(tile)
			C.recurrent_pack_forward(set, floats(t.packedTile(tile)), floats(t.weights), C.int(t.cell), C.size_t(t.hidden), C.size_t(first), C.size_t(units))
		},
		packBackward: func(t *recurrentStep, tile int) {
			first, units := t.units(tile)
			C.recurrent_pack_backward(set, floats(t.packedTile(tile)), floats(t.weights), C.int(t.cell), C.size_t(t.hidden), C.size_t(first), C.size_t(units))
		},
		forward:  func(t *recurrentStep, tile int) { C.recurrent_forward(set, t.native(tile)) },
		backward: func(t *recurrentStep, tile int) { C.recurrent_backward(set, t.native(tile)) },
	}
}

func (t *recurrentStep) native(tile int) C.struct_uer_recurrent {
	first, units := t.units(tile)
	return C.struct_uer_recurrent{
		cell: C.int(t.cell), hidden: C.size_t(t.hidden), first: C.size_t(first), units: C.size_t(units),
		rows: C.size_t(len(t.tokens)), tokens: integers(t.tokens), previous: C.ptrdiff_t(t.previous), start: flag(t.start),
		packed: floats(t.packedTile(tile)), bias: floats(t.bias),
		gates: floats(t.gates), gate_stride: C.size_t(t.gateStride), extra: floats(t.extra), y: floats(t.y), stride: C.size_t(t.stride),
		before: floats(t.before), after: floats(t.after),
		carried: C.size_t(t.carried), next: floats(t.next), now: floats(t.now), memory: floats(t.memory),
		dy: floats(t.dy), dgates: floats(t.dgates), dextra: floats(t.dextra),
	}
}
