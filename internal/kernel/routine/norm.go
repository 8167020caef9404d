package routine

// NormKind is the formula of a normalisation.
type NormKind uint8

const (
	// NormUER is layer normalisation as UER-py does it: y = γ (x-μ)/(s+ε) + β with the sample deviation
	// s = √(Σ(x-μ)²/(width-1)) and ε = 1e-6 outside the root.
	NormUER NormKind = iota
	// NormRMS is the T5 form: y = γ x/√(mean(x²)+ε).
	NormRMS
	// NormStandard is layer normalisation as PyTorch does it: y = γ (x-μ)/√(mean((x-μ)²)+ε) + β.
	NormStandard
)

// NormForward normalises rows: sum = dropout(x) + residual, y = norm(sum). What it normalises is the sum as it is stored, so
// that what is restored from it has the same bits. X, Residual, Y and Sum are stored the same way.
type NormForward struct {
	Kind     NormKind
	Epsilon  float64 // ε
	Width    int
	Gamma    []float32 // [width]
	Beta     []float32 // [width]; nil for none
	X        Array     // [rows, width]
	Residual Array     // [rows, width]; left out for none
	Rows     []int32   // [rows], row numbers for the dropout; nil if nothing is dropped
	Dropout  Dropout
	Y        Array     // [rows, width]
	Sum      Array     // [rows, width], may be X or Residual; left out without residual and dropout, when it is X
	Stats    []float32 // [rows, 2]: the mean of a row (0 for NormRMS) and its deviation s, or its root
}

// NormBackward computes the gradients of NormForward: of the residual, of x (its dropout), and of the parameters, summed
// over the rows. DY, Sum, DX and DResidual are stored the same way.
type NormBackward struct {
	Kind          NormKind
	Epsilon       float64
	Width         int
	Gamma         []float32 // [width]
	DY            Array     // [rows, width]
	Sum           Array     // [rows, width], X if there was no sum
	Stats         []float32 // [rows, 2]
	Rows          []int32   // [rows]; nil if nothing is dropped
	Dropout       Dropout
	DX, DResidual Output    // [rows, width]; may be DY
	DParameters   []float32 // [2, width]: of Gamma, of Beta
}
