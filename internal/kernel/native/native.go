//go:build cgo

// Package native has routines in C, compiled for several instruction sets. A set_*.c names an instruction set and includes
// set.inc.h, which includes every *.inc.h; their code is written once, over the vector type of vector.h. What only
// some processors of a set have is a set_*.c of its own with these routines alone, as products on the tiles of AMX are.
//
// A routine x has its arguments and a field in struct set (routines.h), a function for Go to call (call.h), its code
// (a *.inc.h), an entry in set.inc.h and, here in Go, the copying of its arguments.
//
// This package imports package routine only: its C, which takes long to compile, is compiled again only when these two
// change.
package native

// #cgo CFLAGS: -O3 -g1 -std=gnu11 -Wall -Wno-psabi -Wno-unknown-pragmas
// #cgo LDFLAGS: -lm
// #include "amx.h"
// #include "call.h"
//
// #cgo noescape call_pack
// #cgo nocallback call_pack
// #cgo noescape call_multiply
// #cgo nocallback call_multiply
// #cgo noescape call_peak
// #cgo nocallback call_peak
// #cgo noescape call_pack_forward
// #cgo nocallback call_pack_forward
// #cgo noescape call_pack_backward
// #cgo nocallback call_pack_backward
// #cgo noescape call_forward
// #cgo nocallback call_forward
// #cgo noescape call_backward
// #cgo nocallback call_backward
// #cgo noescape call_attention_forward
// #cgo nocallback call_attention_forward
// #cgo noescape call_attention_backward
// #cgo nocallback call_attention_backward
// #cgo noescape call_tile_attention_forward
// #cgo nocallback call_tile_attention_forward
// #cgo noescape call_tile_attention_backward
// #cgo nocallback call_tile_attention_backward
// #cgo noescape call_windows
// #cgo nocallback call_windows
// #cgo noescape call_split_taps
// #cgo nocallback call_split_taps
// #cgo noescape call_activation_backward
// #cgo nocallback call_activation_backward
// #cgo noescape call_gated_forward
// #cgo nocallback call_gated_forward
// #cgo noescape call_gated_backward
// #cgo nocallback call_gated_backward
// #cgo noescape call_dropout_add
// #cgo nocallback call_dropout_add
// #cgo noescape call_norm_forward
// #cgo nocallback call_norm_forward
// #cgo noescape call_norm_backward
// #cgo nocallback call_norm_backward
// #cgo noescape call_embedding_forward
// #cgo nocallback call_embedding_forward
// #cgo noescape call_embedding_backward
// #cgo nocallback call_embedding_backward
// #cgo noescape call_cross_entropy
// #cgo nocallback call_cross_entropy
// #cgo noescape call_widen
// #cgo nocallback call_widen
// #cgo noescape call_narrow
// #cgo nocallback call_narrow
// #cgo noescape call_add
// #cgo nocallback call_add
// #cgo noescape call_scale
// #cgo nocallback call_scale
// #cgo noescape call_column_sum
// #cgo nocallback call_column_sum
// #cgo noescape call_sum_squares
// #cgo nocallback call_sum_squares
// #cgo noescape call_all_finite
// #cgo nocallback call_all_finite
// #cgo noescape call_adamw
// #cgo nocallback call_adamw
// #cgo noescape call_stable_moments
// #cgo nocallback call_stable_moments
// #cgo noescape call_stable_step
// #cgo nocallback call_stable_step
// #cgo noescape call_adafactor_sums
// #cgo nocallback call_adafactor_sums
// #cgo noescape call_adafactor_squares
// #cgo nocallback call_adafactor_squares
// #cgo noescape call_adafactor_update
// #cgo nocallback call_adafactor_update
import "C"

import (
	"sync"
	"syscall"
	"unsafe"

	"github.com/klauspost/cpuid/v2"

	"uer/internal/kernel/routine"
)

// set is an instruction set. Each of its layers has routines; a later one replaces those of the layers before it.
type set struct {
	name   string
	layers []*C.struct_set
}

// sets are those that this machine can run, the best first.
var sets = sync.OnceValue(func() (list []set) {
	has := cpuid.CPU.Supports
	add := func(name string, layers ...*C.struct_set) { list = append(list, set{name, layers}) }
	if has(cpuid.AVX512F, cpuid.AVX512BW, cpuid.AVX512VL, cpuid.AVX512DQ, cpuid.FMA3) {
		if has(cpuid.AVX512BF16) && permission() == 0 {
			add(AMX, C.set_avx512(), C.set_amx())
		}
		add("avx512", C.set_avx512())
		if has(cpuid.AVX512BF16) {
			add(VDPBF16, C.set_avx512(), C.set_avx512bf16())
			add(EmulatedAMX, C.set_avx512(), C.set_amx_emulated())
		}
	}
	if has(cpuid.AVX2, cpuid.FMA3) {
		add("avx2", C.set_avx2())
	}
	add("baseline", C.set_baseline())
	return list
})

const (
	// AMX is AVX-512 with products in bfloat16 on tiles.
	AMX = "amx"
	// VDPBF16 is AVX-512 with products in bfloat16 by VDPBF16PS, which is slower than float32 on some processors, and has
	// other bits than AMX.
	VDPBF16 = "avx512bf16"
	// EmulatedAMX is for tests of what uses AMX on machines without, and not in Sets.
	EmulatedAMX = "amx-emulated"
)

// permission asks the system for the tiles of AMX, once.
var permission = sync.OnceValue(func() C.int { return C.amx_permission() })

// Refusal is why the system does not let this process use the tiles of AMX that the processor has; nil if it does, or if
// there are none.
func Refusal() error {
	if errno := permission(); errno > 0 {
		return syscall.Errno(errno)
	}
	return nil
}

// Sets names the instruction sets that this machine can run, the best first.
func Sets() (names []string) {
	for _, s := range sets() {
		if s.name != EmulatedAMX {
			names = append(names, s.name)
		}
	}
	return names
}

// Fill puts the routines of one of Sets, or of EmulatedAMX, into a table. What the set lacks stays as it is.
func Fill(name string, t *routine.Table) {
	for _, s := range sets() {
		if s.name == name {
			t.Name = name
			for _, layer := range s.layers {
				fill(layer, t)
			}
			return
		}
	}
	panic("native: no instruction set " + name)
}

func fill(s *C.struct_set, t *routine.Table) {
	for precision := range t.Matmul {
		fillMatmul(&s.matmul[precision], &t.Matmul[precision])
	}
	fillRecurrent(&s.recurrent, &t.Recurrent)
	fillAttention(s, t)
	fillConvolution(s, t)
	fillRows(s, t)
	fillOptimizer(s, t)
}

// put takes a routine into a table unless the set lacks it.
func put[F any](field *F, function *[0]byte, call F) {
	if function != nil {
		*field = call
	}
}

// The enumerations and the sizes that both languages know are equal, or this does not compile.
var (
	_ [routine.Sigmoid]struct{}        = [C.ACTIVATION_SIGMOID]struct{}{}
	_ [routine.Precisions]struct{}     = [C.PRECISIONS]struct{}{}
	_ [routine.NormRMS]struct{}        = [C.NORM_RMS]struct{}{}
	_ [routine.GRUCell]struct{}        = [C.CELL_GRU]struct{}{}
	_ [routine.RecurrentUnits]struct{} = [C.RECURRENT_UNITS]struct{}{}
	_ [routine.AttentionBlock]struct{} = [C.ATTENTION_BLOCK]struct{}{}
	_ [routine.TileDepth]struct{}      = [C.TILE_DEPTH]struct{}{}
	_ [routine.CacheLine]struct{}      = [C.CACHE_LINE]struct{}{}
)

// floats and integers are the C pointers to slices; those of nil are NULL.
func floats(x []float32) *C.float   { return (*C.float)(unsafe.SliceData(x)) }
func integers(x []int32) *C.int32_t { return (*C.int32_t)(unsafe.SliceData(x)) }
func halves(x []uint16) *C.uint16_t { return (*C.uint16_t)(unsafe.SliceData(x)) }
func length(x []float32) C.size_t   { return C.size_t(len(x)) }

func flag(b bool) C.int {
	if b {
		return 1
	}
	return 0
}

func array(a routine.Array) C.struct_array {
	if a.Halves != nil {
		return C.struct_array{at: unsafe.Pointer(unsafe.SliceData(a.Halves)), half: 1}
	}
	return C.struct_array{at: unsafe.Pointer(unsafe.SliceData(a.Floats))}
}

func output(o routine.Output) C.struct_output {
	return C.struct_output{to: array(o.To), accumulate: flag(o.Accumulate)}
}

// dropout is the dropout as C takes it, its factors computed once a tile.
func dropout(d routine.Dropout) C.struct_dropout {
	if d.Probability <= 0 {
		return C.struct_dropout{}
	}
	return C.struct_dropout{key: C.uint64_t(d.Key), threshold: C.uint32_t(d.Threshold()), scale: C.float(d.Scale())}
}
