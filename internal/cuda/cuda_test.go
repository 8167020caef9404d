//go:build gpu

package cuda

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"uer/internal/device/cuda/gputest"
)

// The tests run on the driver that UER_LIBCUDA names, and otherwise on testdata/driver.c, which they compile.
func TestMain(m *testing.M) {
	if os.Getenv("UER_LIBCUDA") != "" {
		os.Exit(m.Run())
	}
	folder, err := os.MkdirTemp("", "cuda")
	if err == nil {
		os.Setenv("UER_LIBCUDA", filepath.Join(folder, "libcuda.so.1"))
		err = compile(os.Getenv("UER_LIBCUDA"), "testdata/driver.c")
	}
	if err != nil {
		fmt.Println(err)
	}
	status := m.Run()
	os.RemoveAll(folder)
	os.Exit(status)
}

func compile(library, source string) error {
	output, err := exec.Command("cc", "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o", library, source).CombinedOutput()
	if err != nil {
		return fmt.Errorf("compiling %s: %w\n%s", source, err, output)
	}
	return nil
}

// TestStandIn runs the tests again on the stand-in for a GPU, which runs kernels and has a cuBLASLt.
func TestStandIn(t *testing.T) {
	needFake(t)
	program, err := os.Executable()
	check(t, err)
	command := exec.Command(program, "-test.v", fmt.Sprintf("-test.short=%v", testing.Short()))
	command.Env = os.Environ()
	for name, value := range gputest.Variables(gputest.StandIn(t)) {
		command.Env = append(command.Env, name+"="+value)
	}
	output, err := command.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, output)
	}
	t.Logf("%s", output)
}

// open gives a test a GPU, or skips it where there is none.
func open(t testing.TB) *Device {
	t.Helper()
	d, err := Open(0)
	if unavailable := (*Unavailable)(nil); errors.As(err, &unavailable) {
		t.Skip(err)
	}
	check(t, err)
	t.Cleanup(func() { check(t, d.Close()) })
	return d
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// needFake skips a test that needs the driver in testdata.
func needFake(t testing.TB) {
	t.Helper()
	if os.Getenv("CUDA_TEST_ALONE") != "" {
		return // the process that started this one had it
	}
	if devices, err := Devices(); err != nil || !strings.HasPrefix(devices[0].Name, "Fake") {
		t.Skip("needs the driver in testdata")
	}
}

// alone runs a test in a process of its own, since a process opens one driver once, and with an environment of its own.
// It tells whether this is that process.
func alone(t *testing.T, environment ...string) bool {
	t.Helper()
	if os.Getenv("CUDA_TEST_ALONE") == t.Name() {
		return true
	}
	program, err := os.Executable()
	check(t, err)
	command := exec.Command(program, "-test.run", "^"+strings.ReplaceAll(t.Name(), "/", "$/^")+"$", "-test.v")
	command.Env = append(os.Environ(), append(environment, "CUDA_TEST_ALONE="+t.Name())...)
	output, err := command.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, output)
	}
	if strings.Contains(string(output), "--- SKIP") {
		t.Skipf("%s", output)
	}
	t.Logf("%s", output)
	return false
}

// wantUnavailable checks that an error is an Unavailable with a hint, and that it says so much.
func wantUnavailable(t *testing.T, err error, text string) {
	t.Helper()
	unavailable := (*Unavailable)(nil)
	if !errors.As(err, &unavailable) || !strings.Contains(err.Error(), text) || Hint(err) == "" {
		t.Errorf("error is %v with hint %q, want an Unavailable that says %q", err, Hint(err), text)
	}
}
