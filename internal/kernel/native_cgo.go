//go:build cgo

package kernel

// #cgo CFLAGS: -O3 -std=gnu11 -Wall -Wno-psabi -Wno-unused-function -Wno-unknown-pragmas
// #cgo LDFLAGS: -lm
// #include "native.h"
import "C"

import (
	"runtime"

	"golang.org/x/sys/cpu"
)

// nativeSet selects the version of a C function; see native.h.
type nativeSet = C.int

// nativeTables lists the tables of C routines that this machine can run, the best first.
func nativeTables() []*routines {
	var list []*routines
	if runtime.GOARCH == "amd64" {
		if cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512VL && cpu.X86.HasAVX512DQ && cpu.X86.HasFMA {
			list = append(list, nativeTable("avx512", C.UER_AVX512))
		}
		if cpu.X86.HasAVX2 && cpu.X86.HasFMA {
			list = append(list, nativeTable("avx2", C.UER_AVX2))
		}
	}
	return append(list, nativeTable("baseline", C.UER_BASELINE))
}

func nativeTable(name string, set nativeSet) *routines {
	return &routines{
		name:        name,
		matmul:      nativeMatmul(set),
		rows:        nativeRows(set),
		attention:   nativeAttention(set),
		recurrent:   nativeRecurrent(set),
		convolution: nativeConvolution(set),
	}
}
