//go:build gpu

package cuda

import (
	"errors"
	"strings"
	"testing"

	"gorgonia.org/cu"
)

// Where there is no driver, nothing crashes, and each way in tells why.
func TestNoDriver(t *testing.T) {
	if !alone(t, "UER_LIBCUDA=/nonexistent/libcuda.so.1") {
		return
	}
	const words = "/nonexistent/libcuda.so.1: cannot open shared object file"
	_, err := FindDriver()
	wantUnavailable(t, err, words)
	_, err = FindBLAS()
	wantUnavailable(t, err, words)
	_, err = Count()
	wantUnavailable(t, err, words)
	_, err = Devices()
	wantUnavailable(t, err, words)
	_, err = Open(0)
	wantUnavailable(t, err, words)

	// What package cu calls by itself gives errors too.
	if _, err := cu.NumDevices(); err == nil {
		t.Error("cu counts GPUs")
	}
	if _, err := cu.MemAlloc(1); err != cu.NotInitialized {
		t.Errorf("cu allocates memory with error %v", err)
	}
}

func TestUnusableDriver(t *testing.T) {
	needFake(t)
	for _, c := range []struct{ name, environment, words string }{
		{"is no driver", "UER_LIBCUDA=libc.so.6", "is no NVIDIA driver: it has no function cuInit"},
		{"finds no GPU", "FAKE_INIT=100", "the NVIDIA driver finds no GPU"},
		{"was updated", "FAKE_INIT=803", "the NVIDIA driver does not start: CUDA error 803"},
		{"is too old", "FAKE_VERSION=11040", "the NVIDIA driver (CUDA 11.4) is too old: CUDA 12.0 is needed"},
		{"old GPU", "FAKE_MAJOR=7", "GPU 0 (Fake 0) is too old: it has compute capability 7.0, and 8.0 is needed"},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			if alone(t, c.environment) {
				_, err := Open(0)
				wantUnavailable(t, err, c.words)
			}
		})
	}
}

func TestDevices(t *testing.T) {
	d := open(t)
	devices, err := Devices()
	check(t, err)
	count, err := Count()
	check(t, err)
	if len(devices) != count || devices[0] != d.Info {
		t.Errorf("%d GPUs, the first is %+v; counted %d, opened %+v", len(devices), devices[0], count, d.Info)
	}
	if d.Name == "" || d.Major < 8 || d.Memory < 1<<20 || d.Multiprocessors < 1 || d.SharedMemory < 48<<10 {
		t.Errorf("device is %+v", d.Info)
	}
	if free, err := d.FreeMemory(); err != nil || free <= 0 || free > d.Memory {
		t.Errorf("%d of %d bytes are free: %v", free, d.Memory, err)
	}
	_, err = Open(count)
	wantUnavailable(t, err, "there is no GPU")
	t.Logf("%s, %s, driver %s", d, d.Driver, d.Driver.Path)
}

func TestErrors(t *testing.T) {
	failed := error(&Error{Doing: "launching gelu", Code: 700, Name: "CUDA_ERROR_ILLEGAL_ADDRESS"})
	if !errors.Is(failed, ErrLost) {
		t.Errorf("%v leaves the GPU usable", failed)
	}
	if !strings.HasSuffix(failed.Error(), "(in this operation or an earlier one)") {
		t.Errorf("error says %v", failed)
	}
	if refused := error(&Error{Code: 1}); errors.Is(refused, ErrLost) {
		t.Errorf("%v loses the GPU", refused)
	}
}

// A failed call says what was being done, and whether the GPU is lost.
func TestFailedCall(t *testing.T) {
	needFake(t)
	d := open(t)
	t.Setenv("FAKE_FAIL", "cuStreamSynchronize=700")
	err := d.Compute.Synchronize()
	if !errors.Is(err, ErrLost) || !strings.HasPrefix(err.Error(),
		"waiting for the compute stream of GPU 0 (Fake 0): CUDA_ERROR_ILLEGAL_ADDRESS: as injected") {
		t.Errorf("error is %v", err)
	}
	t.Setenv("FAKE_FAIL", "cuCtxSetCurrent=201")
	if _, err := d.Allocate(1); err == nil || errors.Is(err, ErrLost) {
		t.Errorf("error is %v", err)
	}
	t.Setenv("FAKE_FAIL", "")
}
