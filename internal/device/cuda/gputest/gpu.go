//go:build gpu && linux

package gputest

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"uer/internal/device/cuda/vgpu"
)

var build = sync.OnceValues(func() (folder string, err error) {
	if folder, err = vgpu.Folder(); err != nil {
		return "", err
	}
	return folder, vgpu.Build(folder, io.Discard)
})

// StandIn builds what is not up to date of the stand-in, and returns the folder of its libraries. It skips a test where that
// takes a compiler that is missing.
func StandIn(t testing.TB) (folder string) {
	t.Helper()
	folder, err := build()
	if errors.Is(err, vgpu.ErrNoCompiler) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return folder
}

// Variables make a process use the stand-in of a folder.
func Variables(folder string) map[string]string {
	return map[string]string{"UER_LIBCUDA": filepath.Join(folder, "libcuda.so.1"), "UER_CUDA_LIB": folder}
}

// Need skips a test where there is no GPU. A test calls it before it uses one.
func Need(t testing.TB) {
	t.Helper()
	if os.Getenv("UER_LIBCUDA") != "" {
		return
	}
	// Not for the test alone: a process opens one driver, once.
	for name, value := range Variables(StandIn(t)) {
		os.Setenv(name, value)
	}
}
