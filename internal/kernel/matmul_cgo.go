//go:build cgo

package kernel

// #cgo noescape uer_pack
// #cgo nocallback uer_pack
// #cgo noescape uer_multiply
// #cgo nocallback uer_multiply
// #include "matmul.h"
import "C"

import "unsafe"

func nativeMatmul(set nativeSet) matmulRoutines {
	tileColumns := int(C.uer_tile_columns(set))
	return matmulRoutines{
		rows:    int(C.uer_tile_rows(set)),
		columns: tileColumns,
		pack: func(panels, x []float32, leading int, transpose bool, depth, count, width int) {
			panels = panels[:ceilDivide(count, width)*width*depth]
			rows, columns := depth, count
			if transpose {
				rows, columns = columns, rows
			}
			x = x[:(rows-1)*leading+columns]
			C.uer_pack(set, pointer(panels), pointer(x), C.size_t(leading), truth(transpose),
				C.size_t(depth), C.size_t(count), C.size_t(width))
		},
		multiply: func(t productTile) {
			a := t.a[:ceilDivide(t.rows, t.height)*t.height*t.depth]
			b := t.b[:ceilDivide(t.columns, tileColumns)*tileColumns*t.depth]
			length := (t.rows-1)*t.leading + t.columns
			c, before := t.c[:length], t.before
			if before != nil {
				before = before[:length]
			}
			C.uer_multiply(set, C.uer_block{
				rows: C.size_t(t.rows), columns: C.size_t(t.columns), depth: C.size_t(t.depth), height: C.size_t(t.height),
				a: pointer(a), b: pointer(b), by_rows: truth(t.byRows), c: pointer(c), leading: C.size_t(t.leading),
				accumulate: truth(t.accumulate), bias: pointer(t.bias), activation: C.int(t.activation), before: pointer(before),
			})
		},
		limit: func(rounds int) int {
			var sink C.float
			return int(C.uer_limit(set, C.size_t(rounds), &sink))
		},
	}
}

func truth(b bool) C.int {
	if b {
		return 1
	}
	return 0
}

// pointer is the address that C reads or writes a slice at.
func pointer(x []float32) *C.float { return (*C.float)(unsafe.SliceData(x)) }
