package routine

// Precision is the format in which a product reads its factors. Sums and everything else are in float32.
type Precision uint8

const (
	Float32    Precision = iota
	BFloat16             // factors are rounded to the upper half of a float32, to nearest, ties to even
	BFloat16x3           // factors are sums of two numbers in bfloat16, whose product takes three
	BFloat16x6           // factors are sums of three, whose product takes six: those that affect a float32
	Precisions           // how many there are
)

// Parts is the number of numbers in bfloat16 that stand for a factor, 0 in float32. The first is the nearest to the factor,
// each other one the nearest to what the ones before leave (Henry, Tang, Heinecke: Leveraging the bfloat16 artificial
// intelligence datatype for higher-precision computations, 2019).
func (p Precision) Parts() int { return int(p) }

// Products lists which parts of A and of B are multiplied by each other, in the order of their sum.
func (p Precision) Products() [][2]int {
	return [Precisions][][2]int{
		BFloat16:   {{0, 0}},
		BFloat16x3: {{0, 1}, {0, 0}, {1, 0}},
		BFloat16x6: {{0, 2}, {0, 1}, {1, 1}, {1, 0}, {0, 0}, {2, 0}},
	}[p]
}

// TileDepth is the number of elements of K that one instruction of AMX (TDPBF16PS) sums. It adds to each element of C the
// sums of the products at even and at odd positions, each a chain of fused multiply-adds that begins at zero:
//
//	C += (a0*b0 + a2*b2 + ... + a30*b30) + (a1*b1 + a3*b3 + ... + a31*b31)
//
// Every operation rounds to nearest, ties to even; subnormal operands count as zeros of their sign, as do results that are
// subnormal once rounded. A routine for one of the bfloat16 precisions computes these bits on any instruction set, unless it
// is for another instruction (VDPBF16PS): it pads K with zeros to a multiple of TileDepth, and of each TileDepth elements
// sums Products.
const TileDepth = 32

// Matmul is the routines of matrix products in one precision. They belong together: Multiply reads what Pack writes.
type Matmul struct {
	Rows, Columns int  // of the register tile, and so of a panel: of A at most, of B always
	WholeRows     bool // panels of A have all Rows, too
	Unit          int  // consecutive elements of K that a panel holds together
	UnitSize      int  // float32s in which a panel of A holds those of a line
	UnitSizeB     int  // the same for B
	MaxDepth      int  // of the blocks of K that are summed from zero and then added up; whatever the machine, for the same results
	Lines         int  // that a tile packs for itself at most: more are no faster

	Pack     func(Pack)
	Multiply func(Multiply)

	// Peak does multiply-adds in registers only, and returns how many floating-point operations those were.
	Peak func(rounds int) int
}

// Pack copies a matrix [depth, count] into panels [depth/unit, stride] of Width lines each, padded with zeros. Element (k, i)
// of the matrix is x[k*leading+i], or x[i*leading+k] if Transpose.
type Pack struct {
	Panels        []float32
	X             Array // of float32, or in BFloat16 of either
	Leading       int
	Transpose     bool
	Depth, Count  int
	Width, Stride int
	OfB           bool // panels of B, if they differ from those of A
}

// Multiply computes C = dropout(activation(A B + addend + bias)) + residual from packed panels. C, Addend, PreActivation and
// Residual are arrays of float32, or in BFloat16 of either.
type Multiply struct {
	Rows, Columns, Depth int       // Depth: of the panels, in units
	Height, Stride       int       // of a panel of A, Height at most Matmul.Rows
	A                    []float32 // panels [depth, stride]
	B                    []float32 // panels [depth, Matmul.Columns*Matmul.UnitSizeB]
	ByRows               bool      // goes through B once for each panel of A, otherwise through A once for each panel of B
	C                    Array     // [rows, columns]
	Leading              int       // of C, Addend, PreActivation and Residual
	Addend               Array     // as C; left out for none. It may be C, and is if both are float32
	Bias                 []float32 // [columns], or nil
	Activation           Activation
	PreActivation        Array // as C, receives what the activation is applied to; or left out
	Dropout              Dropout
	RowNumbers           []int32 // [rows], for the dropout; nil if nothing is dropped
	FirstColumn          int     // of C, among the columns of the whole product
	Residual             Array   // as C, or left out
}
