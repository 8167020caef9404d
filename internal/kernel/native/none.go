//go:build !cgo

// Package native has routines in C; this program was built without them.
package native

import "uer/internal/kernel/routine"

// The sets that have names here have none of their routines.
const (
	AMX         = "amx"
	VDPBF16     = "avx512bf16"
	EmulatedAMX = "amx-emulated"
)

// Refusal is nil: there is nothing to refuse.
func Refusal() error { return nil }

// Sets names no instruction set.
func Sets() []string { return nil }

// Fill has nothing to put into a table.
func Fill(name string, _ *routine.Table) { panic("native: no instruction set " + name) }
