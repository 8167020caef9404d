//go:build gpu && linux

package gputest

import (
	"errors"
	"io"
	"path/filepath"
	"testing"

	"uer/internal/device/cuda/vgpu"
)

// StandIn builds what is not up to date of the stand-in, and returns the folder of its libraries. It skips a test where that
// takes a compiler that is missing.
func StandIn(t testing.TB) (folder string) {
	t.Helper()
	folder, err := vgpu.Folder()
	if err == nil {
		err = vgpu.Build(folder, io.Discard)
	}
	skipOrFail(t, err)
	return folder
}

// Variables make a process use the stand-in of a folder.
func Variables(folder string) map[string]string {
	return map[string]string{"UER_LIBCUDA": filepath.Join(folder, "libcuda.so.1"), "UER_CUDA_LIB": folder}
}

// Need skips a test where there is no GPU. A test calls it before it uses one.
func Need(t testing.TB) {
	t.Helper()
	skipOrFail(t, vgpu.Use())
}

func skipOrFail(t testing.TB, err error) {
	t.Helper()
	if errors.Is(err, vgpu.ErrNoCompiler) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
}
