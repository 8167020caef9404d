//go:build !linux

package machine

import "runtime"

func available() (int64, bool) { return 0, false }

func resident() int64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.Sys)
}
