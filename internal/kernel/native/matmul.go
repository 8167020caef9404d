//go:build cgo

package native

// #include "call.h"
import "C"

import "uer/internal/kernel/routine"

func fillMatmul(m *C.struct_matmul, t *routine.Matmul) {
	if m.multiply == nil {
		return
	}
	tileColumns, unit, unitSizeB := int(m.columns), int(m.unit), int(m.unit_size_b)
	*t = routine.Matmul{
		Rows: int(m.rows), Columns: tileColumns, WholeRows: m.whole_rows != 0, Unit: unit, UnitSize: int(m.unit_size), UnitSizeB: unitSizeB,
		MaxDepth: int(m.max_depth), Lines: int(m.lines),
		Pack: func(p routine.Pack) {
			panels := p.Panels[:routine.CeilDivide(p.Count, p.Width)*p.Stride*routine.CeilDivide(p.Depth, unit)]
			rows, columns := p.Depth, p.Count
			if p.Transpose {
				rows, columns = columns, rows
			}
			x := p.X.Slice(0, (rows-1)*p.Leading+columns)
			C.call_pack(m, C.struct_pack{
				panels: floats(panels), x: array(x), leading: C.size_t(p.Leading), transpose: flag(p.Transpose),
				depth: C.size_t(p.Depth), count: C.size_t(p.Count), width: C.size_t(p.Width), stride: C.size_t(p.Stride),
				of_b: flag(p.OfB),
			})
		},
		Multiply: func(t routine.Multiply) {
			a := t.A[:routine.CeilDivide(t.Rows, t.Height)*t.Stride*t.Depth]
			b := t.B[:routine.RoundUp(t.Columns, tileColumns)*unitSizeB*t.Depth]
			length := (t.Rows-1)*t.Leading + t.Columns
			whole := func(a routine.Array) C.struct_array { return array(a.Slice(0, length)) }
			C.call_multiply(m, C.struct_multiply{
				rows: C.size_t(t.Rows), columns: C.size_t(t.Columns), depth: C.size_t(t.Depth), height: C.size_t(t.Height),
				stride: C.size_t(t.Stride), a: floats(a), b: floats(b), by_rows: flag(t.ByRows), c: whole(t.C), leading: C.size_t(t.Leading),
				addend: whole(t.Addend), bias: floats(t.Bias), activation: C.int(t.Activation),
				pre_activation: whole(t.PreActivation), dropout: dropout(t.Dropout), row_numbers: integers(t.RowNumbers),
				first_column: C.size_t(t.FirstColumn), residual: whole(t.Residual),
			})
		},
		Peak: func(rounds int) int {
			var sink C.float
			return int(C.call_peak(m, C.size_t(rounds), &sink))
		},
	}
}
