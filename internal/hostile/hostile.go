// Package hostile helps tests of readers to give them files that somebody wrote to do harm.
package hostile

import (
	"encoding/binary"
	"math"
	"runtime/metrics"
	"testing"
)

// Mutants calls try with damaged copies of a file: every step-th prefix, and the file with numbers of 1, 4 and 8 bytes, which
// may be a length or a place, at every step-th byte replaced by the greatest and other extreme ones.
func Mutants(data []byte, step int, try func(mutant []byte)) {
	for at := 0; at < len(data); at += step {
		try(data[:at:at])
		for _, value := range []uint64{math.MaxUint64, math.MaxInt64, math.MaxUint32, math.MaxInt32, 1 << 40, 0} {
			for _, width := range []int{1, 4, 8} {
				if at+width > len(data) {
					continue
				}
				mutant := append([]byte(nil), data...)
				var number [8]byte
				binary.LittleEndian.PutUint64(number[:], value)
				copy(mutant[at:], number[:width])
				try(mutant)
			}
		}
	}
}

// Bounded calls read and reports an error if it allocates more than a multiple of the size of the file that it reads, and a
// fixed amount besides.
func Bounded(t testing.TB, size, factor int, fixed int64, read func()) {
	t.Helper()
	limit := int64(factor)*int64(size) + fixed
	used := limit + 1
	for tries := 0; tries < 3 && used > limit; tries++ { // the fuzzer itself may allocate meanwhile
		before := allocated()
		read()
		used = allocated() - before
	}
	if used > limit {
		t.Errorf("reading %d bytes allocated %d bytes, more than %d times as much and %d", size, used, factor, fixed)
	}
}

// allocated returns the bytes that have been allocated so far, those that were freed included.
func allocated() int64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return int64(sample[0].Value.Uint64())
}
