//go:build linux

package vgpu

import (
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"uer/internal/device/cuda/vgpu/ptx2cpp"
)

// ErrNoCompiler says that the stand-in cannot be built on this machine.
var ErrNoCompiler = errors.New("the stand-in for a GPU needs g++ on x86-64 Linux (apt install g++)")

// compiler is the C++ compiler: $CXX, or g++.
func compiler() (string, error) {
	if runtime.GOARCH != "amd64" {
		return "", ErrNoCompiler
	}
	name := os.Getenv("CXX")
	if name == "" {
		name = "g++"
	}
	if _, err := exec.LookPath(name); err != nil {
		return "", ErrNoCompiler
	}
	return name, nil
}

// sources is the folder of this package.
func sources() (string, error) {
	_, file, _, _ := runtime.Caller(0)
	if folder := filepath.Dir(file); filepath.IsAbs(folder) {
		if _, err := os.Stat(filepath.Join(folder, "runtime")); err == nil {
			return folder, nil
		}
	}
	return "", errors.New("the sources of the stand-in for a GPU are not where this program was built")
}

// Folder is build/vgpu of the repository, where `make vgpu` puts the stand-in.
func Folder() (string, error) {
	source, err := sources()
	if err != nil {
		return "", err
	}
	return filepath.Join(source, "../../../../build/vgpu"), nil
}

// Use builds the stand-in in Folder and sets the variables by which package cuda finds it, for the tests of a package.
// Where UER_LIBCUDA is set, it leaves things as they are.
func Use() error {
	if os.Getenv("UER_LIBCUDA") != "" {
		return nil
	}
	folder, err := Folder()
	if err != nil {
		return err
	}
	if err := Build(folder, io.Discard); err != nil {
		return err
	}
	return errors.Join(os.Setenv("UER_LIBCUDA", filepath.Join(folder, "libcuda.so.1")), os.Setenv("UER_CUDA_LIB", folder))
}

// Build builds the stand-in in a folder, or what is not up to date there, and names to report each file that it makes.
func Build(folder string, report io.Writer) error {
	b, err := newBuilder(folder, report)
	if err != nil {
		return err
	}
	unlock, err := b.lock()
	if err != nil {
		return err
	}
	defer unlock()
	if err := b.libraries(); err != nil {
		return err
	}
	return b.sourceTwins(b.kernels)
}

// builder knows the folders that a build reads and writes.
type builder struct {
	compiler               string
	source, kernels, build string
	report                 io.Writer
}

func newBuilder(folder string, report io.Writer) (*builder, error) {
	compiler, err := compiler()
	if err != nil {
		return nil, err
	}
	source, err := sources()
	if err != nil {
		return nil, err
	}
	folder, err = filepath.Abs(folder)
	if err != nil {
		return nil, err
	}
	b := &builder{
		compiler: compiler, source: source, kernels: filepath.Join(source, "../kernels"), build: folder, report: report,
	}
	return b, os.MkdirAll(folder, 0o777)
}

// lock keeps other processes from building in the folder: the tests of several packages may want it at once.
func (b *builder) lock() (unlock func(), err error) {
	file, err := os.Create(filepath.Join(b.build, ".lock"))
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		return nil, err
	}
	return func() { file.Close() }, nil
}

// libraries builds the driver, cuBLASLt, NCCL and the tool.
func (b *builder) libraries() error {
	driver, blas, nccl := append(b.objects("runtime"), b.objects("driver")...), b.objects("cublaslt"), b.objects("nccl")
	if err := makeAll(slices.Concat(driver, blas, nccl, []*target{b.tool()}), b.report); err != nil {
		return err
	}
	if err := b.forgetTwins(); err != nil {
		return err
	}
	cuda := b.library("libcuda.so.1", driver)
	if err := makeAll([]*target{cuda}, b.report); err != nil {
		return err
	}
	return makeAll([]*target{
		b.library("libcublasLt.so.13", append(blas, cuda)), b.library("libnccl.so.2", append(nccl, cuda)),
	}, b.report)
}

// forgetTwins removes all twins if the runtime that they were compiled for has another interface, or if PTX is translated in
// another way. Those that the driver had made would be used as they are.
func (b *builder) forgetTwins() error {
	twins := filepath.Join(b.build, "twins")
	t := &target{output: filepath.Join(twins, "interface"), inputs: slicesOf(b.source, "runtime", "ptx2cpp/*.go")}
	if err := t.setKey(); err != nil {
		return err
	}
	if key, err := os.ReadFile(t.keyFile()); err == nil && string(key) == t.key {
		return nil
	}
	if err := os.RemoveAll(twins); err != nil {
		return err
	}
	return errors.Join(os.MkdirAll(twins, 0o777), os.WriteFile(t.keyFile(), []byte(t.key), 0o666))
}

// objects are the object files of a folder of sources.
func (b *builder) objects(folder string) []*target {
	files, _ := filepath.Glob(filepath.Join(b.source, folder, "*.cpp")) // the pattern is right
	var objects []*target
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".cpp") + ".o"
		objects = append(objects, &target{
			output: filepath.Join(b.build, "objects", folder, name),
			command: []string{b.compiler, "-std=c++17", "-O3", "-g1", "-fPIC", "-ftls-model=initial-exec", "-march=native",
				"-ffp-contract=off", "-Wall", "-Wextra", "-I", filepath.Join(b.source, "runtime"),
				"-I", filepath.Join(b.source, "driver"), "-c", file, "-o"},
			inputs: []string{file, filepath.Join(b.source, "runtime"), filepath.Join(b.source, "driver"), filepath.Dir(file)},
		})
	}
	return objects
}

// library links objects, or other libraries, which it finds beside it.
func (b *builder) library(name string, objects []*target) *target {
	t := &target{output: filepath.Join(b.build, name)}
	t.command = []string{
		b.compiler, "-shared", "-Wl,-soname," + name, "-Wl,-rpath,$ORIGIN", "-Wl,-Bsymbolic", "-Wl,-z,defs", "-pthread",
	}
	for _, object := range objects {
		t.command = append(t.command, object.output)
		t.inputs = append(t.inputs, object.output)
	}
	t.command = append(t.command, "-ldl", "-o")
	return t
}

// tool is the program that translates PTX when the driver loads it.
func (b *builder) tool() *target {
	t := &target{output: filepath.Join(b.build, "vgpu-build")}
	t.command = []string{"go", "build", "-C", filepath.Join(b.source, "build"), "-o"}
	for _, folder := range []string{".", "build", "ptx2cpp"} {
		files, _ := filepath.Glob(filepath.Join(b.source, folder, "*.go"))
		t.inputs = append(t.inputs, files...)
	}
	return t
}

// sourceTwins builds the twins of the kernels of a folder from their sources.
func (b *builder) sourceTwins(kernels string) error {
	var twins []*target
	for _, module := range slicesOf(kernels, "*.ptx") {
		ptx, err := os.ReadFile(module)
		if err != nil {
			return err
		}
		twins = append(twins, b.sourceTwin(strings.TrimSuffix(module, ".ptx")+".cu", twinName(ptx)))
	}
	return makeAll(twins, b.report)
}

// translatedTwins builds the twins of PTX files. That takes g++ minutes, so they are built where they are asked for: by the
// checks, or by the driver as it loads a module.
func (b *builder) translatedTwins(modules ...string) error {
	var twins []*target
	for _, module := range modules {
		ptx, err := os.ReadFile(module)
		if err != nil {
			return err
		}
		name := twinName(ptx)
		text, err := ptx2cpp.Translate(ptx)
		if err != nil {
			return fmt.Errorf("%s:%w", filepath.Base(module), err)
		}
		source := filepath.Join(b.build, "twins", name+".ptx.cpp")
		if err := os.WriteFile(source, text, 0o666); err != nil {
			return err
		}
		t := b.twin(name+".ptx", source)
		t.name = "the twin of " + module
		twins = append(twins, t)
	}
	return makeAll(twins, b.report)
}

// twinName is what the driver calls the twins of a PTX text: its hash (FNV-1a).
func twinName(ptx []byte) string {
	hash := fnv.New64a()
	hash.Write(ptx)
	return fmt.Sprintf("%016x", hash.Sum64())
}

// twin is a library of kernels for the processor. No product is fused with a sum that the source did not fuse, so that
// float32 has the bits that it has on a GPU. Twins are not faster with more than -O1.
func (b *builder) twin(name, source string, flags ...string) *target {
	t := &target{output: filepath.Join(b.build, "twins", name+".so")}
	t.command = append([]string{b.compiler, "-std=c++17", "-O1", "-g1", "-fPIC", "-shared", "-march=native",
		"-ffp-contract=off", "-fno-strict-aliasing", "-Wno-unknown-pragmas", "-DUER_VGPU",
		"-I", filepath.Join(b.source, "runtime")}, flags...)
	t.command = append(t.command, "-x", "c++", source, "-x", "none", filepath.Join(b.build, "libcuda.so.1"), "-o")
	t.inputs = []string{source, filepath.Join(b.source, "runtime")}
	return t
}

func (b *builder) sourceTwin(source, name string) *target {
	t := b.twin(name+".source", source, "-mtls-dialect=gnu2")
	t.name = "the twin of " + source
	t.inputs = append(t.inputs, filepath.Dir(source)) // the headers beside it
	return t
}

// Translate builds the twin of one PTX file in a folder that Build has filled.
func Translate(folder, module string) error {
	b, err := newBuilder(folder, io.Discard)
	if err != nil {
		return err
	}
	unlock, err := b.lock()
	if err != nil {
		return err
	}
	defer unlock()
	return b.translatedTwins(module)
}
