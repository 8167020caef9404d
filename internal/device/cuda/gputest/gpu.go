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

// StandIn builds what is not up to date of the stand-in, and returns the folder of its libraries.
var StandIn = sync.OnceValues(func() (folder string, err error) {
	if folder, err = vgpu.Folder(); err != nil {
		return "", err
	}
	return folder, vgpu.Build(folder, io.Discard)
})

// Need skips a test where there is no GPU and the stand-in cannot be built. A test calls it before it uses a GPU.
func Need(t testing.TB) {
	t.Helper()
	if os.Getenv("UER_LIBCUDA") != "" {
		return
	}
	folder, err := StandIn()
	if errors.Is(err, vgpu.ErrNoCompiler) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	// Not for the test alone: a process opens one driver, once.
	os.Setenv("UER_LIBCUDA", filepath.Join(folder, "libcuda.so.1"))
	os.Setenv("UER_CUDA_LIB", folder)
}
