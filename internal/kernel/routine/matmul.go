package routine

// Precision is the format in which a product reads its factors. Sums and everything else are in float32.
type Precision uint8

const (
	Float32  Precision = iota
	BFloat16           // factors are rounded to the upper half of a float32, to nearest, ties to even
)

// Matmul is the routines of matrix products in one precision. They belong together: Multiply reads what Pack writes.
type Matmul struct {
	Rows, Columns int // of the register tile
	Slot          int // elements of K in a float32 of a panel: 1, or 2 in bfloat16

	Pack     func(Pack)
	Multiply func(Multiply)

	// Peak does multiply-adds in registers only, and returns how many floating-point operations those were.
	Peak func(rounds int) int
}

// Pack copies a matrix [depth, count] into panels [depth/slot, stride] of Width lines each, padded with zeros. Element (k, i)
// of the matrix is x[k*leading+i], or x[i*leading+k] if Transpose.
type Pack struct {
	Panels, X     []float32
	Leading       int
	Transpose     bool
	Depth, Count  int
	Width, Stride int
}

// Multiply computes C = dropout(activation(A B + bias)) + residual from packed panels, with C added to the sum if Accumulate.
type Multiply struct {
	Rows, Columns, Depth int       // Depth: of the panels
	Height, Stride       int       // of a panel of A, Height at most Matmul.Rows
	A                    []float32 // panels [depth, stride]
	B                    []float32 // panels [depth, Matmul.Columns]
	ByRows               bool      // goes through B once for each panel of A, otherwise through A once for each panel of B
	C                    []float32 // [rows, columns]
	Leading              int       // of C, Before and Residual
	Accumulate           bool
	Bias                 []float32 // [columns], or nil
	Activation           Activation
	PreActivation        []float32 // as C, receives what the activation is applied to; or nil
	Dropout              Dropout
	RowNumbers           []int32   // [rows], for the dropout; nil if nothing is dropped
	FirstColumn          int       // of C, among the columns of the whole product
	Residual             []float32 // as C, or nil
}
