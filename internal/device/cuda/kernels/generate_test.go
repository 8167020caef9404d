//go:build gpu

package kernels

import (
	"bytes"
	"flag"
	"fmt"
	"go/format"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the modules and their list instead of comparing them")

// compiler makes the modules. Another version of it would write other PTX.
const compiler, compilerVersion = "clang++-19", "19.1.7"

var compilerFlags = strings.Fields(`-x cuda --cuda-device-only -nocudainc -nocudalib -O3 -ffp-contract=off -std=c++17
	--cuda-gpu-arch=sm_80 --cuda-feature=+ptx71 -Wall -Wextra -Werror -S -o -`)

// TestGenerated makes the modules and the list of kernels from the sources, and compares them with those that are there.
func TestGenerated(t *testing.T) {
	version, err := exec.Command(compiler, "--version").Output()
	if err != nil || !bytes.Contains(version, []byte(compilerVersion)) {
		t.Skipf("%s %s is not installed", compiler, compilerVersion)
	}
	var list bytes.Buffer
	fmt.Fprintln(&list, "package kernels\n\n// Code generated from the sources by TestGenerated -update. DO NOT EDIT.")
	fmt.Fprintln(&list, "\n// Kernels lists all kernels.\nvar Kernels = []Kernel{")
	macros := macrosOf(t)
	for _, source := range sources(t, "*.cu") {
		module := strings.TrimSuffix(source, ".cu")
		command := exec.Command(compiler, append(compilerFlags, source)...)
		var problems bytes.Buffer
		command.Stderr = &problems
		ptx, err := command.Output()
		if err != nil {
			t.Fatalf("%s: %v\n%s", source, err, &problems)
		}
		compare(t, module+".ptx", ptx)
		listKernels(t, &list, module, macros, parseEntries(t, string(ptx)))
	}
	fmt.Fprintln(&list, "}")
	text, err := format.Source(list.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "list.go", text)
}

// compare compares a file with what it should hold, or writes that.
func compare(t *testing.T, name string, want []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is not what the sources give: run go generate (%v)", name, err)
	}
}

func sources(t *testing.T, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		t.Fatalf("no sources %s: %v", pattern, err)
	}
	return names
}

func readText(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// macrosOf are the macros without arguments of all sources, among which are lists of parameters.
func macrosOf(t *testing.T) map[string]string {
	t.Helper()
	macros := map[string]string{}
	for _, source := range append(sources(t, "*.h"), sources(t, "*.cu")...) {
		text := strings.ReplaceAll(readText(t, source), "\\\n", " ")
		for _, m := range regexp.MustCompile(`(?m)^#define ([A-Z_]+) +(.*)$`).FindAllStringSubmatch(text, -1) {
			macros[m[1]] = m[2]
		}
	}
	return macros
}

var kernelPattern = regexp.MustCompile(`(?m)((?:^//.*\n)*)^KERNEL_OF\(\s*\w+, (\w+),([^{]*)\) \{`)

// listKernels writes the entries of a module: the comment above the kernel, and its parameters.
func listKernels(t *testing.T, to *bytes.Buffer, module string, macros map[string]string, entries map[string]entry) {
	t.Helper()
	text := readText(t, module+".cu")
	found := kernelPattern.FindAllStringSubmatch(text, -1)
	if n := strings.Count(text, "\nKERNEL_OF("); n != len(found) || n != len(entries) {
		t.Fatalf("%s: %d kernels were understood of %d; %d are in the module", module, len(found), n, len(entries))
	}
	fmt.Fprintf(to, "\n%s\n", regexp.MustCompile(`^(//.*\n)+`).FindString(text)) // what the file says of itself
	for _, m := range found {
		comment, name, parameters := m[1], m[2], m[3]
		if !strings.Contains(comment, "Grid:") {
			t.Errorf("%s: nothing above %s tells its grid", module, name)
		}
		signature := strings.Join(strings.Fields(expand(parameters, macros)), " ")
		signature = strings.ReplaceAll(wrap(signature, 100), "\n", "\" +\n\"")
		fmt.Fprintf(to, "%s{%q, %q, %d,\n\"%s\"},\n", comment, module, name, entries[name].threads, signature)
	}
}

// wrap breaks a list into lines of at most so many characters, each of which ends in a space but for the last.
func wrap(list string, most int) string {
	var text strings.Builder
	line := 0
	for _, item := range strings.SplitAfter(list, ", ") {
		if line > 0 && line+len(item) > most {
			text.WriteByte('\n')
			line = 0
		}
		text.WriteString(item)
		line += len(item)
	}
	return text.String()
}

// expand puts what macros stand for in their places.
func expand(text string, macros map[string]string) string {
	return regexp.MustCompile(`\b[A-Z_]+\b`).ReplaceAllStringFunc(text, func(word string) string {
		if macro, ok := macros[word]; ok {
			return expand(macro, macros)
		}
		return word
	})
}
