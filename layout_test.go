package uer

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// levels lists every package below internal/ and cmd/. A package imports only packages of lower levels, so data
// flows one way, from the corpus to the checkpoint.
var levels = [][]string{
	{"console", "durable", "machine", "record", "random", "pickle", "registry", "gloo/glootest", "task", "subword", "kernel/routine", "kernel/workers"},
	{"plot", "cuda", "cuda/gen", "device/cuda/kernels", "device/cuda/vgpu/ptx2cpp"},
	{"config", "vocab", "corpus", "segment", "sentencepiece", "statedict", "launcher", "gloo", "kernel/portable", "kernel/native", "device/cuda/vgpu"},
	{"tokenizer", "masking", "graph", "collective", "kernel", "huggingface", "device/cuda/vgpu/build", "device/cuda/vgpu/check", "device/cuda/gputest"},
	{"op", "instance", "wordlist", "exchange"},
	{"device", "optimizer", "dataset", "layer"},
	{"batch", "embedding", "encoder", "device/devicetest", "device/cpu", "device/cuda"},
	{"target"},
	{"model"},
	{"checkpoint"},
	{"trainer", "inference"},
	{"cli"},
	{"uer"},
	{"hostile", "npz"}, // for tests only
}

// moduleImporters lists the modules that only one package may import, tests included.
var moduleImporters = map[string]string{
	"gorgonia.org/gorgonia":  "graph",
	"gorgonia.org/tensor":    "graph",
	"gorgonia.org/cu":        "cuda",
	"github.com/spf13/viper": "config",
	"gonum.org/v1/plot":      "plot",
}

// packageImporters lists the packages that only some packages may import. Nothing but a device reaches its arithmetic, and
// nothing but cli, which chooses a device, reaches a device.
var packageImporters = map[string][]string{
	"kernel":              {"device/cpu", "cli"}, // cli lists the instruction sets
	"kernel/routine":      {"kernel", "kernel/native", "kernel/portable"},
	"kernel/workers":      {"kernel"},
	"kernel/portable":     {"kernel"},
	"kernel/native":       {"kernel"},
	"cuda":                {"device/cuda", "cli"}, // cli lists the GPUs and says what is missing
	"device/cuda/kernels": {"device/cuda"},
	"device/cpu":          {"cli"},
	"device/cuda":         {"cli"},
}

func TestLayout(t *testing.T) {
	level := map[string]int{}
	for i, names := range levels {
		for _, name := range names {
			level[name] = i
		}
	}
	files := 0
	for _, root := range []string{"internal", "cmd"} {
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") {
				return err
			}
			files++
			checkImports(t, path, level)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if files == 0 {
		t.Fatal("no Go files found")
	}
}

// packageOf is the folder of a file below internal/ or cmd/, such as device/cpu.
func packageOf(path string) string {
	_, name, _ := strings.Cut(filepath.ToSlash(filepath.Dir(path)), "/")
	return name
}

func checkImports(t *testing.T, path string, level map[string]int) {
	t.Helper()
	name := packageOf(path)
	own, listed := level[name]
	if !listed {
		t.Errorf("%s: package %s has no level", path, name)
		return
	}
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
	if err != nil {
		t.Error(err)
		return
	}
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Error(err)
			continue
		}
		if only, restricted := moduleImporters[imported]; restricted && only != name {
			t.Errorf("%s imports %s, which only package %s may", path, imported, only)
		}
		// A test may look anywhere: it compares a package with what is built on it.
		internal, isInternal := strings.CutPrefix(imported, "uer/internal/")
		if !isInternal || strings.HasSuffix(path, "_test.go") {
			continue
		}
		if level[internal] >= own {
			t.Errorf("%s imports %s, which is not on a lower level", path, internal)
		}
		if only, restricted := packageImporters[internal]; restricted && !slices.Contains(only, name) {
			t.Errorf("%s imports %s, which only %s may", path, internal, strings.Join(only, ", "))
		}
	}
}
