// Package glootest builds the connection to Gloo for tests.
package glootest

import (
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// Build builds libuer_gloo.so and returns its path. Where Gloo or a compiler is missing, it skips the test.
func Build(t *testing.T) string {
	t.Helper()
	_, file, _, _ := runtime.Caller(0)
	source := filepath.Dir(filepath.Dir(file))
	compiler := cmp.Or(os.Getenv("CXX"), "g++")
	if _, err := exec.LookPath(compiler); err != nil || runtime.GOOS != "linux" {
		t.Skip("there is no g++")
	}
	path := filepath.Join(t.TempDir(), "libuer_gloo.so")
	command := exec.Command(compiler, "-std=c++17", "-O2", "-shared", "-fPIC", "-I", source, "-o", path,
		filepath.Join(source, "library", "gloo.cpp"), "-lgloo")
	output, err := command.CombinedOutput()
	if strings.Contains(string(output), "gloo/allgatherv.h: No such file") {
		t.Skip("Gloo is not installed (Debian: libgloo-dev)")
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	return path
}
