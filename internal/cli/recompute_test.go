package cli

import (
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestRecomputeRepeatsForwardOperations compares the profiles of training with and without --recompute: operations of the
// forward pass run once or twice, gradients once.
func TestRecomputeRepeatsForwardOperations(t *testing.T) {
	kept, recomputed := operationCalls(t), operationCalls(t, "--recompute")
	if len(recomputed) != len(kept) {
		t.Errorf("operations %v, want those of %v", recomputed, kept)
	}
	for name, calls := range kept {
		maximum := 2 * calls
		if strings.HasSuffix(name, "gradient") {
			maximum = calls
		}
		if got := recomputed[name]; got < calls || got > maximum {
			t.Errorf("%s is called %d times, want %d to %d", name, got, calls, maximum)
		}
	}
	if recomputed["linear"] <= kept["linear"] {
		t.Errorf("%d linear layers are computed, as many as without recompute", recomputed["linear"])
	}
}

var profileLine = regexp.MustCompile(`(?m)^(\S.*\S) +(\d+) calls `)

// operationCalls trains and returns how often each operation ran.
func operationCalls(t *testing.T, arguments ...string) map[string]int {
	t.Helper()
	_, talk := pretrained(t, "roberta", append(arguments, "--profile", filepath.Join(t.TempDir(), "cpu.prof"))...)
	calls := map[string]int{}
	for _, match := range profileLine.FindAllStringSubmatch(talk, -1) {
		n, err := strconv.Atoi(match[2])
		if err != nil {
			t.Fatal(err)
		}
		calls[match[1]] = n
	}
	if len(calls) == 0 {
		t.Fatalf("no profile in %s", talk)
	}
	return calls
}
