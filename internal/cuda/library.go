//go:build gpu

package cuda

/*
#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>
#include <stdlib.h>

// The path of an open library, as the loader knows it.
static const char *library_path(void *library)
{
	struct link_map *map;
	return dlinfo(library, RTLD_DI_LINKMAP, &map) == 0 ? map->l_name : "";
}
*/
import "C"

import (
	"context"
	"fmt"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
	"unsafe"
)

// openLibrary opens the first library that it finds under one of the names, which are in order of preference. What is
// found but cannot be opened is passed over, and told of if nothing else is found.
func openLibrary(names []string) (handle unsafe.Pointer, path string, err error) {
	var refused []string
	for folder := range libraryFolders() {
		for _, name := range names {
			path := filepath.Join(folder, name)
			if _, err := os.Stat(path); folder != "" && err != nil {
				continue
			}
			handle, why := loadLibrary(path)
			if handle != nil {
				return handle, C.GoString(C.library_path(handle)), nil
			}
			if folder != "" || !strings.Contains(why, "No such file") {
				refused = append(refused, why)
			}
		}
	}
	if len(refused) > 0 {
		return nil, "", fmt.Errorf("cannot be opened: %s", strings.Join(refused, "; "))
	}
	return nil, "", fmt.Errorf("was not found: there is no %s in the folders of UER_CUDA_LIB, where the loader looks, "+
		"in /usr/local/cuda*/lib64, or in the packages of python3", strings.Join(names, " or "))
}

// loadLibrary opens a library by path, or by name where the loader looks for it.
func loadLibrary(path string) (handle unsafe.Pointer, why string) {
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	runtime.LockOSThread() // dlerror is of the thread
	defer runtime.UnlockOSThread()
	if handle = C.dlopen(name, C.RTLD_NOW|C.RTLD_LOCAL); handle == nil {
		why = C.GoString(C.dlerror())
	}
	return handle, why
}

// libraryFolders are the folders where CUDA's libraries may be, in order of preference. The empty one stands for where
// the loader looks.
func libraryFolders() iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, folder := range filepath.SplitList(os.Getenv("UER_CUDA_LIB")) {
			if folder != "" && !yield(folder) {
				return
			}
		}
		if !yield("") {
			return
		}
		for _, pattern := range []string{"/usr/local/cuda/lib64", "/usr/local/cuda-*/lib64", "/opt/cuda/lib64"} {
			folders, _ := filepath.Glob(pattern)
			for _, folder := range slices.Backward(folders) {
				if !yield(folder) {
					return
				}
			}
		}
		for _, packages := range pythonPackages() {
			folders, _ := filepath.Glob(filepath.Join(packages, "nvidia", "*", "lib"))
			for _, folder := range folders {
				if !yield(folder) {
					return
				}
			}
		}
	}
}

// pythonPackages are the folders where the python3 on PATH, the active virtual environment and the active Conda
// environment keep their packages; NVIDIA's bring its libraries.
func pythonPackages() []string {
	var folders []string
	for _, variable := range []string{"VIRTUAL_ENV", "CONDA_PREFIX"} {
		if prefix := os.Getenv(variable); prefix != "" {
			found, _ := filepath.Glob(filepath.Join(prefix, "lib", "python3*", "site-packages"))
			folders = append(folders, found...)
		}
	}
	limit, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	paths, _ := exec.CommandContext(limit, "python3", "-c", `import sys; print(*sys.path, sep="\n")`).Output()
	for path := range strings.Lines(string(paths)) {
		if path = strings.TrimSpace(path); strings.HasSuffix(path, "-packages") {
			folders = append(folders, path)
		}
	}
	return folders
}
