package corpus

import (
	"os"
	"path/filepath"
	"testing"

	"uer/internal/durable"
)

// However many files there are and whatever their sizes, what stays in memory of those that have been read is bounded.
func TestTextThatWasPassedLeavesMemory(t *testing.T) {
	const size, block = 3<<20 + 5, 1 << 16
	path := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(path, make([]byte, size), 0o600); err != nil {
		t.Fatal(err)
	}
	passed := new(behind)
	for range 40 {
		mapping, err := durable.Map(path)
		if err != nil {
			t.Fatal(err)
		}
		defer mapping.Close()
		for start := 0; start < size; start += block {
			passed.add(span{mapping, start, min(start+block, size)})
		}
		kept := 0
		for _, s := range passed.spans {
			kept += s.end - s.start
		}
		if kept != passed.size || kept > 2*keep+block {
			t.Fatalf("%d bytes stay in memory, counted as %d", kept, passed.size)
		}
	}
	if passed.size < keep {
		t.Errorf("only %d bytes stay in memory", passed.size)
	}
}
