//go:build linux

package vgpu

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// mutant is a kernel file without one of the calls that order its threads or its copies.
type mutant struct {
	file    string // that is changed, without its folder
	line    int
	call    string
	text    string   // of the changed file
	kernels []string // the kernel files that include it
}

// ordering are the calls that a mutant lacks.
var ordering = regexp.MustCompile(`__syncthreads\(\)|__syncwarp\(\)|copies_wait<\d+>\(\)|copies_commit\(\)|` +
	`\b(?:signal|await)_blocks\([^;]*\)`)

var included = regexp.MustCompile(`(?m)^#include "([^"]+)"`)

// mutantsOf makes all mutants of a folder of kernels.
func mutantsOf(folder string) ([]mutant, error) {
	texts := map[string]string{}
	for _, path := range slicesOf(folder, "*.cu", "*.h") {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		texts[filepath.Base(path)] = string(text)
	}
	var mutants []mutant
	for file, text := range texts {
		for _, at := range ordering.FindAllStringIndex(text, -1) {
			before := text[strings.LastIndexByte(text[:at[0]], '\n')+1 : at[0]] // on the line
			if strings.HasSuffix(before, "void ") || strings.Contains(before, "//") {
				continue // where the dialect declares it, or speaks of it
			}
			mutants = append(mutants, mutant{
				file: file, line: strings.Count(text[:at[0]], "\n") + 1, call: text[at[0]:at[1]],
				text: text[:at[0]] + "(void)0" + text[at[1]:], kernels: includers(texts, file),
			})
		}
	}
	slices.SortFunc(mutants, func(a, b mutant) int {
		if c := strings.Compare(a.file, b.file); c != 0 {
			return c
		}
		return a.line - b.line
	})
	return mutants, nil
}

// includers are the kernel files that are, or include, a file.
func includers(texts map[string]string, file string) []string {
	var kernels []string
	for name := range texts {
		if filepath.Ext(name) == ".cu" && includes(texts, name, file) {
			kernels = append(kernels, name)
		}
	}
	slices.Sort(kernels)
	return kernels
}

func includes(texts map[string]string, name, file string) bool {
	if name == file {
		return true
	}
	return slices.ContainsFunc(included.FindAllStringSubmatch(texts[name], -1), func(found []string) bool {
		return includes(texts, found[1], file)
	})
}

// write copies a folder of kernels, with the change.
func (m *mutant) write(from, to string) error {
	for _, path := range slicesOf(from, "*.cu", "*.h") {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if filepath.Base(path) == m.file {
			text = []byte(m.text)
		}
		if err := os.WriteFile(filepath.Join(to, filepath.Base(path)), text, 0o666); err != nil {
			return err
		}
	}
	return nil
}
