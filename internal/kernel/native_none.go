//go:build !cgo

package kernel

func nativeTables() []*routines { return nil }
