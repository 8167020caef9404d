//go:build !cgo

// Package native has routines in C; this program was built without them.
package native

import "uer/internal/kernel/routine"

// Sets names no instruction set.
func Sets() []string { return nil }

// Fill has nothing to put into a table.
func Fill(name string, _ *routine.Table) { panic("native: no instruction set " + name) }
