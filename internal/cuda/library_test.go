//go:build gpu

package cuda

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// install puts libraries that can be opened into a folder.
func install(t *testing.T, folder string, names ...string) {
	t.Helper()
	check(t, os.MkdirAll(folder, 0o777))
	source := filepath.Join(t.TempDir(), "library.c")
	check(t, os.WriteFile(source, []byte("int probe(void) { return 1; }\n"), 0o666))
	for _, name := range names {
		check(t, compile(filepath.Join(folder, name), source))
	}
}

func TestLibraryIsFound(t *testing.T) {
	needFake(t)
	names := []string{"libprobe.so.13", "libprobe.so.12"}
	root := t.TempDir()
	chosen, packages := filepath.Join(root, "chosen"), filepath.Join(root, "lib", "python3.12", "site-packages")
	bin := filepath.Join(root, "bin")
	check(t, os.MkdirAll(bin, 0o777))
	python := fmt.Sprintf("#!/bin/sh\necho\necho /elsewhere\necho %s\n", packages)
	check(t, os.WriteFile(filepath.Join(bin, "python3"), []byte(python), 0o777))
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	t.Setenv("UER_CUDA_LIB", "/nonexistent:"+chosen)

	want := func(path string) {
		t.Helper()
		if handle, got, err := openLibrary(names); err != nil || handle == nil || got != path {
			t.Errorf("opened %s, %v, want %s", got, err, path)
		}
	}
	_, _, err := openLibrary(names)
	if err == nil || !strings.HasPrefix(err.Error(), "was not found: there is no libprobe.so.13 or libprobe.so.12 in") {
		t.Errorf("error is %v", err)
	}
	install(t, filepath.Join(packages, "nvidia", "cu13", "lib"), names...)
	want(filepath.Join(packages, "nvidia", "cu13", "lib", names[0]))
	install(t, chosen, names[1]) // what the user names comes first, whichever version it is
	want(filepath.Join(chosen, names[1]))
	check(t, os.WriteFile(filepath.Join(chosen, names[0]), []byte("no library"), 0o666)) // and what is broken last
	want(filepath.Join(chosen, names[1]))
	check(t, os.Remove(filepath.Join(chosen, names[1])))
	check(t, os.RemoveAll(packages))
	if _, _, err = openLibrary(names); err == nil || !strings.HasPrefix(err.Error(), "cannot be opened: "+chosen) {
		t.Errorf("error is %v", err)
	}
}

func TestLibraryFolders(t *testing.T) {
	root := t.TempDir()
	for _, folder := range []string{"nvidia/cu13/lib", "nvidia/cudnn/lib"} {
		check(t, os.MkdirAll(filepath.Join(root, "lib/python3.11/site-packages", folder), 0o777))
	}
	t.Setenv("PATH", root) // without python3
	t.Setenv("CONDA_PREFIX", "")
	t.Setenv("VIRTUAL_ENV", root)
	t.Setenv("UER_CUDA_LIB", "/a::/b")
	folders := slices.Collect(libraryFolders())
	packages := filepath.Join(root, "lib/python3.11/site-packages/nvidia")
	if last := len(folders) - 2; !slices.Equal(folders[:3], []string{"/a", "/b", ""}) ||
		!slices.Equal(folders[last:], []string{packages + "/cu13/lib", packages + "/cudnn/lib"}) {
		t.Errorf("folders are %q", folders)
	}
}

// A library that the driver is too old for is passed over.
func TestBLASSuitsTheDriver(t *testing.T) {
	needFake(t)
	folder := t.TempDir()
	install(t, folder, "libcublasLt.so.13")
	t.Setenv("UER_CUDA_LIB", folder)
	_, err := loadBLAS(Driver{CUDA: 13000})
	wantUnavailable(t, err, "cuBLASLt in "+folder+"/libcublasLt.so.13 lacks cublasLtGetVersion")
	_, err = loadBLAS(Driver{CUDA: 12080})
	wantUnavailable(t, err, "cuBLASLt was not found: there is no libcublasLt.so.12 in")
	if hint := Hint(err); !strings.HasPrefix(hint, "pip install nvidia-cublas-cu12, or set UER_CUDA_LIB") {
		t.Errorf("hint is %s", hint)
	}
}
