//go:build !gpu || !linux

package gputest

import "testing"

const why = "needs the tag gpu, on Linux: make test"

// StandIn skips the test: this build has no GPU support.
func StandIn(t testing.TB) (folder string) {
	t.Helper()
	t.Skip(why)
	return ""
}

// Variables are none: this build has no GPU support.
func Variables(folder string) map[string]string { return nil }

// Need skips the test: this build has no GPU support.
func Need(t testing.TB) {
	t.Helper()
	t.Skip(why)
}
