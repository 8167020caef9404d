//go:build cgo

package kernel

func nativeRows(set nativeSet) rowRoutines { return portableRows }
