//go:build !gpu || !linux

package gputest

import (
	"errors"
	"testing"
)

var errNoGPU = errors.New("needs the tag gpu, on Linux: make test")

// StandIn returns an error: this build has no GPU support.
func StandIn() (folder string, err error) { return "", errNoGPU }

// Need skips the test: this build has no GPU support.
func Need(t testing.TB) {
	t.Helper()
	t.Skip(errNoGPU)
}
