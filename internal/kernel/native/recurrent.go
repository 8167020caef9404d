//go:build cgo

package native

// #include "call.h"
import "C"

import "uer/internal/kernel/routine"

func fillRecurrent(r *C.struct_recurrent, t *routine.Recurrent) {
	if r.forward == nil {
		return
	}
	*t = routine.Recurrent{
		PackForward:  func(t routine.RecurrentTile) { C.call_pack_forward(r, recurrentStep(t)) },
		PackBackward: func(t routine.RecurrentTile) { C.call_pack_backward(r, recurrentStep(t)) },
		Forward:      func(t routine.RecurrentTile) { C.call_forward(r, recurrentStep(t)) },
		Backward:     func(t routine.RecurrentTile) { C.call_backward(r, recurrentStep(t)) },
	}
}

func recurrentStep(t routine.RecurrentTile) C.struct_recurrent_step {
	var packed []float32
	if t.Sums == nil {
		packed = t.Packed[t.First*t.Cell.Gates()*t.Hidden:][:routine.RecurrentUnits*t.Cell.Gates()*t.Hidden]
	}
	return C.struct_recurrent_step{
		cell: C.int(t.Cell), hidden: C.size_t(t.Hidden), first: C.size_t(t.First), units: C.size_t(t.Units),
		rows: C.size_t(len(t.Tokens)), tokens: integers(t.Tokens), previous: C.ptrdiff_t(t.Previous), start: flag(t.Start),
		weights: floats(t.Weights), packed: floats(packed), sums: floats(t.Sums), bias: floats(t.Bias),
		gates: array(t.Gates), gate_stride: C.size_t(t.GateStride), extra: array(t.Extra),
		y: array(t.Y), stride: C.size_t(t.Stride),
		before: floats(t.Before), after: floats(t.After),
		carried: C.size_t(t.Carried), next: floats(t.Next), now: floats(t.Now), memory: floats(t.Memory),
		dy: array(t.DY), dgates: array(t.DGates), dextra: array(t.DExtra),
	}
}
