package cuda

// Format is how the elements of a matrix are stored.
type Format int

// The formats of products.
const (
	F32  Format = iota // float32
	BF16               // bfloat16
)

// bytes is the size of an element.
func (f Format) bytes() int64 {
	if f == BF16 {
		return 2
	}
	return 4
}

// Matrix is a matrix in a GPU's memory, row after row.
type Matrix struct {
	At         Pointer
	Stride     int  // elements from one row to the next, as it is stored; 0 if rows are adjacent
	Transposed bool // it is stored as its transpose; for factors only
	Next       int  // elements from a matrix to the next one of a batch; 0 if all products of a batch have the same one
}

// Product is a matrix product, D = A·B + Beta·C + Bias, summed in float32 and rounded once.
type Product struct {
	M, N, K int
	A, B    Matrix  // factors [M, K] and [K, N]
	D       Matrix  // result [M, N]
	C       Matrix  // [M, N], the zero Matrix for D itself; not read if Beta is 0
	Beta    float32 // factor of C
	Bias    Pointer // [N], added to every row, or none

	Batch int // how many products there are of matrices of these sizes; 0 is one. Several have no Bias

	Factors Format // of A and B
	Result  Format // of C, D and Bias
	TF32    bool   // round float32 factors to 11 significant bits, which is several times as fast
}
