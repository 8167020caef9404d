// Package kernels holds what the CUDA device runs: kernels in CUDA C++, compiled to PTX for compute capability 8.0, a module
// for each source file. [Kernels] lists them with their parameters; what a kernel computes, from what and on which grid
// stands above it. Nothing here needs a GPU, a driver or a compiler.
//
// Buffers begin at multiples of 16 bytes. Matrices are row-major. A grid must not be empty: without elements nothing is
// launched. Sums have an order that depends on the shape alone, so that results are the same on every GPU.
package kernels

import (
	"embed"
	"fmt"
	"strings"
)

//go:generate go test -tags gpu -run ^TestGenerated$ -update .

//go:embed *.ptx
var modules embed.FS

// Kernel is an entry point of a module.
type Kernel struct {
	Module    string
	Name      string
	Threads   int    // of a block
	Signature string // the parameters, as the source has them
}

// Type is the type of a number.
type Type uint8

// The types of numbers that kernels take.
const (
	Int32 Type = iota
	Uint32
	Uint64
	Float32
	Float64
	BFloat16
)

// Parameter is a parameter of a kernel.
type Parameter struct {
	Name     string
	Type     Type // of the value, or of what a pointer points to
	Pointer  bool
	Constant bool // a pointer through which nothing is written
}

// Module is the PTX of a module.
func Module(name string) (string, error) {
	text, err := modules.ReadFile(name + ".ptx")
	if err != nil {
		return "", fmt.Errorf("there are no kernels %q", name)
	}
	return string(text), nil
}

// Find is the kernel of a name.
func Find(name string) (Kernel, error) {
	for _, k := range Kernels {
		if k.Name == name {
			return k, nil
		}
	}
	return Kernel{}, fmt.Errorf("there is no kernel %q", name)
}

var types = map[string]Type{
	"int": Int32, "unsigned": Uint32, "uint64_t": Uint64, "size_t": Uint64, "float": Float32, "double": Float64,
	"bf16": BFloat16,
}

// Parameters are those of the signature.
func (k Kernel) Parameters() ([]Parameter, error) {
	var list []Parameter
	for text := range strings.SplitSeq(k.Signature, ",") {
		var p Parameter
		text, p.Constant = strings.CutPrefix(strings.TrimSpace(text), "const ")
		typeName, name, _ := strings.Cut(text, " ")
		p.Name, p.Pointer = strings.CutPrefix(name, "*")
		var known bool
		if p.Type, known = types[typeName]; !known || p.Name == "" {
			return nil, fmt.Errorf("kernel %s: parameter %q is not understood", k.Name, text)
		}
		list = append(list, p)
	}
	return list, nil
}
