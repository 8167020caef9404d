//go:build linux

package vgpu

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// recorded runs tests of the kernels and keeps recordings of their launches.
func (b *builder) recorded(t *testing.T, tests ...string) string {
	t.Helper()
	folder := t.TempDir()
	program := b.program(t, "kernel_test")
	for _, test := range tests {
		b.run(t, program, test, "VGPU_RECORD="+folder)
	}
	return folder
}

// The checks pass right kernels, and notice each barrier that is taken away.
func TestCheck(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles twins with a sanitizer")
	}
	b := built(t)
	if _, err := exec.LookPath(clang); err != nil {
		t.Skip("the checks need clang-19 and libclang-rt-19-dev")
	}
	recorded := b.recorded(t, "adds", "takes_structures_by_value", "shares_memory", "adds_up_blocks", "counts_atomically",
		"numbers", "spins", "tensor_products", "tensor_products_by_rows")
	var out strings.Builder
	if err := b.check(filepath.Join(b.source, "test/kernels"), recorded, nil, time.Hour, &out); err != nil {
		t.Errorf("%v\n%s", err, &out)
	}
	for _, want := range []string{"7 kernels,    7 launches", "2 kernels,    2 launches", "mutants: 8 of 8 noticed, 0 not tried"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, &out)
		}
	}
}

// Each check fails on kernels that are wrong in its way.
func TestCheckNotices(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles twins with a sanitizer")
	}
	b := built(t)
	if _, err := exec.LookPath(clang); err != nil {
		t.Skip("the checks need clang-19 and libclang-rt-19-dev")
	}
	files, err := b.recordings(filepath.Join(b.source, "test/mistakes"), b.recorded(t, "notices_a_missing_barrier"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := b.replayer(threadSanitizer)
	if err != nil {
		t.Fatal(err)
	}
	f := files[0]
	twin := r.twinOf(f.source, filepath.Join(t.TempDir(), "twin.so"))
	if err := makeAll([]*target{twin}, b.report); err != nil {
		t.Fatal(err)
	}
	if len(f.recordings) == 0 {
		t.Fatal("nothing was recorded")
	}
	err = r.replay(twin.output, 1, f.recordings[:1], time.Minute) // the test launches it until a schedule shows the mistake
	if !errors.Is(err, errNoticed) || !strings.Contains(err.Error(), "data race") {
		t.Errorf("the race is not reported: %v", err)
	}
}

func TestMutants(t *testing.T) {
	folder := t.TempDir()
	for name, text := range map[string]string{
		"warp.h": "DEVFN void __syncwarp() {}\n// no __syncwarp() here\nDEVFN void f() {\n\t__syncwarp();\n}\n",
		"a.cu":   "#include \"b.h\"\n\t__syncthreads(); __syncthreads();\n",
		"b.h":    "#include \"warp.h\"\n",
		"c.cu":   "copies_wait<1>();\n",
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	mutants, err := mutantsOf(folder)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range mutants {
		got = append(got, m.file+" "+m.call+" "+strings.Join(m.kernels, " "))
	}
	want := "a.cu __syncthreads() a.cu|a.cu __syncthreads() a.cu|c.cu copies_wait<1>() c.cu|warp.h __syncwarp() a.cu"
	if strings.Join(got, "|") != want {
		t.Errorf("mutants %q, want %s", got, want)
	}
	if !strings.Contains(mutants[1].text, "\t__syncthreads(); (void)0;") {
		t.Errorf("the second mutant is %q", mutants[1].text)
	}
}

// The PTX of the tests' kernels is what clang makes of their sources.
func TestPTX(t *testing.T) {
	if _, err := exec.LookPath(clang); err != nil {
		t.Skip("needs clang-19")
	}
	source, err := sources()
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range slicesOf(source, "test/*/*.cu") {
		command := exec.Command(clang, "-x", "cuda", "--cuda-device-only", "-nocudainc", "-nocudalib", "-O3", "-ffp-contract=off",
			"-std=c++17", "--cuda-gpu-arch=sm_80", "--cuda-feature=+ptx71", "-S", filepath.Base(file), "-o", "-")
		command.Dir = filepath.Dir(file)
		got, err := command.Output()
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(strings.TrimSuffix(file, ".cu") + ".ptx")
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != string(want) {
			t.Errorf("%s is not what clang makes of its source", strings.TrimSuffix(file, ".cu")+".ptx")
		}
	}
}
