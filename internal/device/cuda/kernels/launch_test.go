//go:build gpu

package kernels

import (
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"testing"

	"uer/internal/cuda"
	"uer/internal/device/cuda/vgpu"
)

var (
	onGPU   = flag.Bool("gpu", false, "test on GPU 0 instead of the stand-in")
	variant = flag.String("variant", "", "a folder with PTX of some modules, to be tried instead of what is there")
)

// gpu is what the tests run kernels on.
type gpu struct {
	*cuda.Device
	modules map[string]*cuda.Module
}

var openGPU = sync.OnceValues(func() (*gpu, error) {
	if !*onGPU {
		folder, err := vgpu.Folder()
		if err != nil {
			return nil, err
		}
		if err := vgpu.Build(folder, io.Discard); err != nil {
			return nil, err
		}
		os.Setenv("UER_LIBCUDA", filepath.Join(folder, "libcuda.so.1"))
		os.Setenv("VGPU_DELAY", "0")
	}
	d, err := cuda.Open(0)
	if err != nil {
		return nil, err
	}
	return &gpu{d, map[string]*cuda.Module{}}, nil
})

// grid is the number of blocks of a launch, in up to three dimensions.
type grid []int

// launch runs a kernel twice, on the stand-in under different schedules, and requires the same bits. An argument is a slice,
// nil for no memory, or a number; an int fits any integer parameter. What is not constant is changed in place. Float32 given
// for bfloat16 is rounded on its way.
func launch(t testing.TB, name string, blocks grid, arguments ...any) {
	t.Helper()
	begin(t, name, blocks, (*cuda.Function).Launch, arguments)
}

// launchTogether is for kernels whose blocks wait for each other.
func launchTogether(t testing.TB, name string, blocks grid, arguments ...any) {
	t.Helper()
	begin(t, name, blocks, (*cuda.Function).LaunchTogether, arguments)
}

// beginning is how a launch begins.
type beginning func(f *cuda.Function, s *cuda.Stream, grid, block cuda.Dim, shared int, arguments ...cuda.Argument) error

func begin(t testing.TB, name string, blocks grid, how beginning, arguments []any) {
	t.Helper()
	g, err := openGPU()
	if errors.Is(err, vgpu.ErrNoCompiler) {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	k, err := Find(name)
	if err != nil {
		t.Fatal(err)
	}
	parameters, err := k.Parameters()
	if err != nil {
		t.Fatal(err)
	}
	arguments = slices.Clone(arguments)
	for i, p := range parameters {
		if x, ok := arguments[i].([]float32); ok && p.Type == BFloat16 {
			rounded := halves(x)
			arguments[i] = rounded
			defer func() { copy(x, wholes(rounded)) }()
		}
	}
	var results [2][][]byte
	for i := range results {
		if results[i], err = g.run(k, blocks, how, arguments); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	for i, p := range parameters {
		if !p.Pointer || arguments[i] == nil {
			continue
		}
		if !bytes.Equal(results[0][i], results[1][i]) {
			t.Errorf("%s: %s has other bits in another run", name, p.Name)
		}
		if p.Constant && !bytes.Equal(results[0][i], asBytes(arguments[i])) {
			t.Errorf("%s changes %s", name, p.Name)
		}
		if _, err := binary.Decode(results[0][i], binary.LittleEndian, arguments[i]); err != nil {
			t.Fatal(err)
		}
	}
}

// asBytes is a slice as memory holds it.
func asBytes(slice any) []byte {
	b, err := binary.Append(nil, binary.LittleEndian, slice)
	if err != nil {
		panic(err)
	}
	return b
}

// run launches a kernel and returns what the memory of each argument then holds.
func (g *gpu) run(k Kernel, blocks grid, how beginning, arguments []any) (results [][]byte, err error) {
	f, err := g.function(k)
	if err != nil {
		return nil, err
	}
	parameters, err := k.Parameters()
	if err != nil {
		return nil, err
	}
	if len(arguments) != len(parameters) {
		return nil, fmt.Errorf("%d arguments for %d parameters", len(arguments), len(parameters))
	}
	size := cuda.Dim{1, 1, 1}
	copy(size[:], blocks)
	passed, buffers := make([]cuda.Argument, len(arguments)), make([]*cuda.Buffer, len(arguments))
	results = make([][]byte, len(arguments))
	for i, p := range parameters {
		if !p.Pointer {
			if passed[i], err = scalar(p.Type, arguments[i]); err != nil {
				return nil, fmt.Errorf("%s: %w", p.Name, err)
			}
			continue
		}
		if arguments[i] == nil {
			passed[i] = cuda.Address(0)
			continue
		}
		want := map[Type]string{Int32: "[]int32", Float32: "[]float32", Float64: "[]float64", Uint64: "[]uint64", BFloat16: "[]uint16"}[p.Type]
		if got := fmt.Sprintf("%T", arguments[i]); got != want {
			return nil, fmt.Errorf("%s is %s, want %s", p.Name, got, want)
		}
		results[i] = asBytes(arguments[i])
		if buffers[i], err = g.Allocate(int64(len(results[i]))); err != nil {
			return nil, err
		}
		defer buffers[i].Close()
		if err := cuda.Upload(g.Compute, buffers[i].At, results[i]); err != nil {
			return nil, err
		}
		passed[i] = cuda.Address(buffers[i].At)
	}
	n, err := threads(k)
	if err != nil {
		return nil, err
	}
	if err := how(f, g.Compute, size, cuda.Dim{n, 1, 1}, k.Shared(), passed...); err != nil {
		return nil, err
	}
	for i, b := range buffers {
		if b == nil {
			continue
		}
		if err := cuda.Download(g.Compute, results[i], b.At); err != nil {
			return nil, err
		}
	}
	return results, g.Compute.Synchronize()
}

// moduleText is the PTX of a module, or of its variant.
func moduleText(module string) (string, error) {
	if *variant != "" {
		if text, err := os.ReadFile(filepath.Join(*variant, module+".ptx")); err == nil {
			return string(text), nil
		}
	}
	return Module(module)
}

// threads are those of a block, which a variant may have more of.
func threads(k Kernel) (int, error) {
	text, err := moduleText(k.Module)
	if err != nil || *variant == "" {
		return k.Threads, err
	}
	found := regexp.MustCompile(`(?s)\.entry ` + k.Name + `\(.*?\.maxntid (\d+)`).FindStringSubmatch(text)
	return strconv.Atoi(found[1])
}

// function is a kernel on the GPU.
func (g *gpu) function(k Kernel) (*cuda.Function, error) {
	if g.modules[k.Module] == nil {
		text, err := moduleText(k.Module)
		if err != nil {
			return nil, err
		}
		if g.modules[k.Module], err = g.Load(k.Module, []byte(text)); err != nil {
			return nil, err
		}
	}
	return g.modules[k.Module].Function(k.Name)
}

// scalar is a number as a parameter of a type takes it.
func scalar(want Type, value any) (cuda.Argument, error) {
	switch v := value.(type) {
	case int:
		switch want {
		case Int32:
			return cuda.Int32(v), nil
		case Uint64:
			return cuda.Uint64(uint64(v)), nil
		}
	case bool:
		if want == Int32 {
			return cuda.Int32(map[bool]int{true: 1}[v]), nil
		}
	case uint32:
		if want == Uint32 {
			return cuda.Uint32(v), nil
		}
	case uint64:
		if want == Uint64 {
			return cuda.Uint64(v), nil
		}
	case float32:
		if want == Float32 {
			return cuda.Float32(v), nil
		}
	case float64:
		if want == Float64 {
			return cuda.Float64(v), nil
		}
	}
	return cuda.Argument{}, fmt.Errorf("a %T does not fit", value)
}
