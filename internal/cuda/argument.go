package cuda

import "math"

// Argument is one argument of a kernel: a value of the type that the kernel declares.
type Argument struct {
	bits uint64
	kind kind
}

// kind is the type of a parameter of a kernel, as far as PTX tells it apart.
type kind uint8

const (
	word32    kind = iota // int, unsigned, and what is smaller
	word64                // long long, unsigned long long, and pointers
	single                // float
	double                // double
	tooWide               // an int that does not fit into 32 bits
	structure             // by value, which no Argument is
)

func (k kind) String() string {
	return [...]string{"a 32-bit integer", "a pointer or 64-bit integer", "a float", "a double",
		"an integer of more than 32 bits", "a structure"}[k]
}

// Address passes a pointer.
func Address(p Pointer) Argument { return Argument{uint64(p), word64} }

// Int32 passes an int. Launch returns an error if it does not fit.
func Int32(n int) Argument {
	if n < math.MinInt32 || n > math.MaxInt32 {
		return Argument{uint64(n), tooWide}
	}
	return Argument{uint64(uint32(n)), word32}
}

// Uint32 passes an unsigned int.
func Uint32(n uint32) Argument { return Argument{uint64(n), word32} }

// Int64 passes a long long.
func Int64(n int64) Argument { return Argument{uint64(n), word64} }

// Uint64 passes an unsigned long long.
func Uint64(n uint64) Argument { return Argument{n, word64} }

// Float32 passes a float.
func Float32(x float32) Argument { return Argument{uint64(math.Float32bits(x)), single} }

// Float64 passes a double.
func Float64(x float64) Argument { return Argument{math.Float64bits(x), double} }
