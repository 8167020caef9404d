//go:build linux

package vgpu

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// built is a builder of build/vgpu, with the libraries and the twins of the tests' own kernels built.
func built(t *testing.T) *builder {
	t.Helper()
	if testing.Short() {
		t.Skip("compiles C++ programs")
	}
	folder, err := Folder()
	if err != nil {
		t.Fatal(err)
	}
	b, err := newBuilder(folder, io.Discard)
	if errors.Is(err, ErrNoCompiler) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	unlock, err := b.lock()
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	if err := b.libraries(); err != nil {
		t.Fatal(err)
	}
	for _, kernels := range []string{"test/kernels", "test/mistakes"} {
		folder := filepath.Join(b.source, kernels)
		if err := errors.Join(b.sourceTwins(folder), b.translatedTwins(slicesOf(folder, "*.ptx")...)); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// program builds a test program and gives its file.
func (b *builder) program(t *testing.T, name string) string {
	t.Helper()
	source := filepath.Join(b.source, "test", name+".cpp")
	p := &target{output: filepath.Join(b.build, "test", name)}
	p.command = []string{b.compiler, "-std=c++17", "-g1", "-Wall", "-Wextra", "-I", filepath.Join(b.source, "driver"),
		source, filepath.Join(b.build, "libcuda.so.1"), filepath.Join(b.build, "libcublasLt.so.13"),
		"-Wl,-rpath," + b.build, "-pthread", "-o"}
	p.inputs = []string{source}
	for _, folder := range []string{"driver", "cublaslt", "test"} {
		p.inputs = append(p.inputs, filepath.Join(b.source, folder))
	}
	if err := makeAll([]*target{p}, io.Discard); err != nil {
		t.Fatal(err)
	}
	return p.output
}

// run runs one test of a program, and gives what it prints.
func (b *builder) run(t *testing.T, program, test string, variables ...string) string {
	t.Helper()
	command := exec.Command(program, test)
	command.Env = append(os.Environ(), "VGPU_TESTS="+filepath.Join(b.source, "test"))
	command.Env = append(command.Env, variables...)
	var said bytes.Buffer
	command.Stderr = &said
	out, err := command.Output()
	if err != nil {
		t.Errorf("%v\n%s%s", err, out, &said)
	}
	return string(out)
}

// tests lists the tests of a program.
func tests(t *testing.T, program string) []string {
	t.Helper()
	out, err := exec.Command(program).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(out))
}

func TestLibraries(t *testing.T) {
	b := built(t)
	for _, name := range []string{"driver_test", "cublaslt_test"} {
		program := b.program(t, name)
		for _, test := range tests(t, program) {
			t.Run(name+"/"+test, func(t *testing.T) { b.run(t, program, test) })
		}
	}
}

func TestKernels(t *testing.T) {
	b := built(t)
	program := b.program(t, "kernel_test")
	for _, test := range tests(t, program) {
		t.Run(test, func(t *testing.T) {
			var printed []string
			for _, kind := range []string{"source", "ptx"} {
				for _, seed := range []string{"1", "2", "3"} {
					printed = append(printed, b.run(t, program, test, "VGPU_KERNELS="+kind, "VGPU_SEED="+seed))
				}
			}
			for _, p := range printed {
				if p != printed[0] {
					t.Errorf("the twins, or the schedules, differ: %q", printed)
				}
			}
		})
	}
}
