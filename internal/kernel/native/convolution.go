//go:build cgo

package native

// #include "call.h"
import "C"

import "uer/internal/kernel/routine"

func fillConvolution(s *C.struct_set, t *routine.Table) {
	put(&t.Windows, s.windows, func(w routine.Windows) {
		to, x := w.To[:w.Rows*w.Taps*w.Channels], w.X[:(w.Row+w.Rows-1)*w.Width+w.Channels]
		C.call_windows(s, C.struct_windows{
			to: floats(to), x: floats(x), width: C.size_t(w.Width), row: C.size_t(w.Row), rows: C.size_t(w.Rows),
			taps: C.size_t(w.Taps), channels: C.size_t(w.Channels),
		})
	})
	put(&t.SplitTaps, s.split_taps, func(a routine.SplitTaps) {
		to, weights := a.To[:(a.Taps-1)*a.TapStride+a.Rows*a.Channels], a.Weights[:(a.Rows-1)*a.Leading+a.Taps*a.Channels]
		C.call_split_taps(s, C.struct_split_taps{
			to: floats(to), weights: floats(weights), tap_stride: C.size_t(a.TapStride), leading: C.size_t(a.Leading),
			rows: C.size_t(a.Rows), taps: C.size_t(a.Taps), channels: C.size_t(a.Channels),
		})
	})
}
