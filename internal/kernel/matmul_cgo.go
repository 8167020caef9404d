//go:build cgo

package kernel

// #cgo noescape uer_matmul_pack
// #cgo nocallback uer_matmul_pack
// #cgo noescape uer_matmul_multiply
// #cgo nocallback uer_matmul_multiply
// #include "matmul.h"
import "C"

import (
	"golang.org/x/sys/cpu"
)

func nativeMatmul(set nativeSet) [BFloat16 + 1]matmulRoutines {
	list := [BFloat16 + 1]matmulRoutines{Float32: nativeMatmulTable(C.uer_matmul_for(set))}
	if set == C.UER_AVX512 && cpu.X86.HasAVX512BF16 {
		list[BFloat16] = nativeMatmulTable(C.uer_matmul_bf16())
	}
	return list
}

func nativeMatmulTable(m *C.uer_matmul) matmulRoutines {
	rows, tileColumns, slot := int(m.rows), int(m.columns), int(m.slot)
	return matmulRoutines{
		rows: rows, columns: tileColumns, slot: slot,
		pack: func(panels, x []float32, leading int, transpose bool, depth, count, width, stride int) {
			panels = panels[:ceilDivide(count, width)*stride*ceilDivide(depth, slot)]
			rows, columns := depth, count
			if transpose {
				rows, columns = columns, rows
			}
			x = x[:(rows-1)*leading+columns]
			C.uer_matmul_pack(m, floats(panels), floats(x), C.size_t(leading), flag(transpose),
				C.size_t(depth), C.size_t(count), C.size_t(width), C.size_t(stride))
		},
		multiply: func(t productTile) {
			a := t.a[:ceilDivide(t.rows, t.height)*t.stride*t.depth]
			b := t.b[:roundUp(t.columns, tileColumns)*t.depth]
			length := (t.rows-1)*t.leading + t.columns
			c, before, residual := t.c[:length], t.before, t.residual
			if before != nil {
				before = before[:length]
			}
			if residual != nil {
				residual = residual[:length]
			}
			C.uer_matmul_multiply(m, C.uer_block{
				rows: C.size_t(t.rows), columns: C.size_t(t.columns), depth: C.size_t(t.depth), height: C.size_t(t.height),
				stride: C.size_t(t.stride), a: floats(a), b: floats(b), by_rows: flag(t.byRows), c: floats(c), leading: C.size_t(t.leading),
				accumulate: flag(t.accumulate), bias: floats(t.bias), activation: C.int(t.activation), before: floats(before),
				dropout: t.dropout.native(), numbers: integers(t.numbers), first_column: C.size_t(t.firstColumn), residual: floats(residual),
			})
		},
		limit: func(rounds int) int {
			var sink C.float
			return int(C.uer_matmul_limit(m, C.size_t(rounds), &sink))
		},
	}
}
