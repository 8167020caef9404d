// Package cuda drives NVIDIA GPUs: devices, memory, streams, kernels from PTX, and matrix products by cuBLASLt. It is the
// only importer of gorgonia.org/cu.
//
// A program built with the tag gpu needs a C compiler and nothing of CUDA. The driver and cuBLASLt are opened when they
// are first used, so the same program runs where there is none, and [FindDriver] and [FindBLAS] tell why. A build without
// the tag has the same functions, which return an error.
//
// Work on a [Stream] is begun, not awaited; a fault of a kernel shows as an error of some later call. Methods may be
// called from any goroutine, but a [Device] and what belongs to it from one at a time: each call makes the device's
// context current on its thread, which takes less than a microsecond.
//
// The environment: UER_LIBCUDA names another driver library, UER_CUDA_LIB folders of cuBLASLt.
package cuda

//go:generate go run ./gen

import "fmt"

// Driver is an NVIDIA driver.
type Driver struct {
	Path    string // of libcuda
	Version string // of the kernel module, such as 580.95.05; empty if it cannot be read
	CUDA    int    // the newest version of CUDA that it supports, such as 13000 for 13.0
}

func (d Driver) String() string {
	cuda := fmt.Sprintf("CUDA %d.%d", d.CUDA/1000, d.CUDA%1000/10)
	if d.Version == "" {
		return cuda
	}
	return d.Version + ", " + cuda
}

// Library is a library of CUDA that was opened at run time.
type Library struct {
	Path    string
	Version string // such as 13.1.0
}

// Info describes a GPU.
type Info struct {
	Number          int    // from 0, as the driver counts
	Name            string // such as NVIDIA H100 80GB HBM3
	Major, Minor    int    // compute capability
	Memory          int64  // bytes
	Multiprocessors int
	SharedMemory    int // bytes that a block can have at most
}

func (i Info) String() string { return fmt.Sprintf("GPU %d (%s)", i.Number, i.Name) }

// Supported is an error if kernels cannot run on the GPU, because they need at least compute capability 8.0.
func (i Info) Supported() error {
	if i.Major >= 8 {
		return nil
	}
	return &Unavailable{
		Reason: fmt.Sprintf("%s is too old: it has compute capability %d.%d, and 8.0 is needed", i, i.Major, i.Minor),
		Hint:   "use a GPU of the Ampere generation (A100, RTX 30) or newer",
	}
}

// Pointer is an address in a GPU's memory. The zero Pointer is none.
type Pointer uint64

// Element is what arrays on a GPU are made of.
type Element interface {
	~uint8 | ~uint16 | ~int32 | ~uint32 | ~int64 | ~uint64 | ~float32 | ~float64
}

// Dim is the size of a grid in blocks, or of a block in threads: x, y, z.
type Dim [3]int
