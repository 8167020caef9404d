//go:build gpu

package cuda

import (
	"debug/elf"
	"os"
	"slices"
	"strings"
	"testing"
)

// A program that uses this package needs the C library and nothing else, and shows none of the driver's functions to the
// libraries that it opens, which would take them for the driver's.
func TestProgramNeedsOnlyTheCLibrary(t *testing.T) {
	program, err := os.Executable()
	check(t, err)
	file, err := elf.Open(program)
	check(t, err)
	defer file.Close()
	libraries, err := file.ImportedLibraries()
	check(t, err)
	for _, library := range libraries {
		name, _, _ := strings.Cut(library, ".so")
		if !slices.Contains([]string{"libc", "libdl", "libpthread", "libresolv", "ld-linux-x86-64", "ld-linux-aarch64"}, name) {
			t.Errorf("the program needs %s", library)
		}
	}
	dynamic, err := file.DynamicSymbols()
	check(t, err)
	has := func(prefix string) bool {
		return slices.ContainsFunc(dynamic, func(s elf.Symbol) bool { return strings.HasPrefix(s.Name, prefix) })
	}
	if has("cuMem") || !has("dlopen") {
		t.Error("the program exports a function of the driver, or opens no library")
	}
}
