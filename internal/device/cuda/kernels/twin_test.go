//go:build gpu

package kernels

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// The twins are the kernels compiled for the CPU, in a program that runs one launch after another for the tests.

// twins is the program.
type twins struct {
	folder string
	to     *bufio.Writer
	from   *bufio.Reader
	end    func() error // waits for the program, and says why it has ended
}

var (
	startTwins = sync.OnceValues(newTwins)
	running    *twins
)

var errNoCompiler = errors.New("the kernels run on the CPU where g++ is installed, on amd64")

func TestMain(m *testing.M) {
	status := m.Run()
	if running != nil {
		os.RemoveAll(running.folder)
	}
	os.Exit(status)
}

// newTwins compiles the kernels and starts the program.
func newTwins() (*twins, error) {
	if _, err := exec.LookPath("g++"); err != nil || runtime.GOARCH != "amd64" || runtime.GOOS != "linux" {
		return nil, errNoCompiler
	}
	folder, err := os.MkdirTemp("", "twins")
	if err != nil {
		return nil, err
	}
	running = &twins{folder: folder}
	library, program := filepath.Join(folder, "kernels.so"), filepath.Join(folder, "server")
	objects, err := compileTwins(folder)
	if err != nil {
		return nil, err
	}
	err = errors.Join(
		compileCPP(append([]string{"-shared", "-o", library}, objects...)...),
		compileCPP("-O2", "-rdynamic", "-o", program, "twin/runtime.cpp", "twin/server.cpp", "-ldl"))
	if err != nil {
		return nil, err
	}
	server := exec.Command(program, library)
	to, err := server.StdinPipe()
	if err != nil {
		return nil, err
	}
	from, err := server.StdoutPipe()
	if err != nil {
		return nil, err
	}
	var problems strings.Builder
	server.Stderr = &problems
	running.to, running.from = bufio.NewWriter(to), bufio.NewReader(from)
	running.end = func() error { return fmt.Errorf("%w: %s", server.Wait(), &problems) }
	return running, server.Start()
}

// compileTwins compiles each source into an object.
func compileTwins(folder string) ([]string, error) {
	sources, err := filepath.Glob("*.cu")
	if err != nil {
		return nil, err
	}
	sources = append(sources, "twin/functions.cu")
	objects, errs := make([]string, len(sources)), make([]error, len(sources))
	var wait sync.WaitGroup
	processors := make(chan bool, runtime.NumCPU())
	for i, source := range sources {
		objects[i] = filepath.Join(folder, filepath.Base(source)+".o")
		wait.Go(func() {
			processors <- true
			errs[i] = compileCPP("-O1", "-fPIC", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror", "-Wno-unknown-pragmas", "-DUER_VGPU",
				"-Itwin", "-I.", "-c", "-x", "c++", source, "-o", objects[i])
			<-processors
		})
	}
	wait.Wait()
	return objects, errors.Join(errs...)
}

func compileCPP(arguments ...string) error {
	output, err := exec.Command("g++", append([]string{"-std=c++17"}, arguments...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("g++ %s: %w\n%s", strings.Join(arguments, " "), err, output)
	}
	return nil
}

// grid is the number of blocks of a launch, in up to three dimensions.
type grid []int

// launch runs a kernel under two schedules and requires the same bits of both. An argument is a slice, nil for no memory, or
// a number; an int fits any integer parameter. What is not constant is changed in place.
func launch(t testing.TB, name string, blocks grid, arguments ...any) {
	t.Helper()
	k, err := Find(name)
	if err != nil {
		t.Fatal(err)
	}
	launchKernel(t, k, blocks, arguments)
}

func launchKernel(t testing.TB, k Kernel, blocks grid, arguments []any) {
	t.Helper()
	program, err := startTwins()
	if errors.Is(err, errNoCompiler) {
		t.Skip(err)
	} else if err != nil {
		log.Fatal(err) // once, not in each test
	}
	var results [2][][]byte
	for seed := range results {
		if results[seed], err = program.run(k, blocks, uint64(seed), arguments); err != nil {
			t.Fatalf("%s: %v", k.Name, err)
		}
	}
	parameters, _ := k.Parameters()
	i := 0
	for j, a := range arguments {
		if !parameters[j].Pointer || parameters[j].Constant || a == nil {
			continue
		}
		if string(results[0][i]) != string(results[1][i]) {
			t.Errorf("%s: %s has other bits under another schedule", k.Name, parameters[j].Name)
		}
		if _, err := binary.Decode(results[0][i], binary.LittleEndian, a); err != nil {
			t.Fatal(err)
		}
		i++
	}
}

// The kinds of arguments, as the program knows them.
const (
	scalarArgument uint32 = iota
	nullArgument
	constantArgument
	variableArgument
)

// run launches a kernel once and returns the memory that it may have changed.
func (w *twins) run(k Kernel, blocks grid, seed uint64, arguments []any) ([][]byte, error) {
	parameters, err := k.Parameters()
	if err != nil {
		return nil, err
	}
	if len(arguments) != len(parameters) {
		return nil, fmt.Errorf("%d arguments for %d parameters", len(arguments), len(parameters))
	}
	size := [3]uint32{1, 1, 1}
	for i, n := range blocks {
		size[i] = uint32(n)
	}
	w.write(uint32(len(k.Name)), []byte(k.Name), size, uint32(k.Threads), seed, uint32(len(arguments)))
	var lengths []int
	for i, a := range arguments {
		p := parameters[i]
		if !p.Pointer {
			bits, err := bitsOf(p.Type, a)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", p.Name, err)
			}
			w.write(scalarArgument, bits)
			continue
		}
		if a == nil {
			w.write(nullArgument)
			continue
		}
		n := binary.Size(a)
		if want := map[Type]string{Int32: "[]int32", Float32: "[]float32", Float64: "[]float64"}[p.Type]; fmt.Sprintf("%T", a) != want {
			return nil, fmt.Errorf("%s is %T, want %s", p.Name, a, want)
		}
		if p.Constant {
			w.write(constantArgument, uint64(n), a)
		} else {
			w.write(variableArgument, uint64(n), a)
			lengths = append(lengths, n)
		}
	}
	return w.answer(lengths)
}

func (w *twins) write(values ...any) {
	for _, v := range values {
		binary.Write(w.to, binary.LittleEndian, v) // an error shows when the answer is read
	}
}

func (w *twins) answer(lengths []int) ([][]byte, error) {
	if err := w.to.Flush(); err != nil {
		return nil, errors.Join(err, w.end())
	}
	var length uint32
	if err := binary.Read(w.from, binary.LittleEndian, &length); err != nil {
		return nil, w.end()
	}
	results := [][]byte{make([]byte, length)}
	for _, n := range lengths {
		results = append(results, make([]byte, n))
	}
	for _, r := range results {
		if _, err := io.ReadFull(w.from, r); err != nil {
			return nil, w.end()
		}
	}
	if length > 0 {
		return nil, errors.New(string(results[0]))
	}
	return results[1:], nil
}

// bitsOf is a number as a parameter of a type has it.
func bitsOf(want Type, value any) (uint64, error) {
	switch v := value.(type) {
	case int:
		if want == Int32 || want == Uint64 || want == Uint32 {
			return uint64(v), nil
		}
	case bool:
		if want == Int32 && v {
			return 1, nil
		} else if want == Int32 {
			return 0, nil
		}
	case uint32:
		if want == Uint32 {
			return uint64(v), nil
		}
	case uint64:
		if want == Uint64 {
			return v, nil
		}
	case float32:
		if want == Float32 {
			return uint64(math.Float32bits(v)), nil
		}
	case float64:
		if want == Float64 {
			return math.Float64bits(v), nil
		}
	}
	return 0, fmt.Errorf("a %T does not fit", value)
}
