package routine

// NormKind is the formula of a normalisation.
type NormKind uint8

const (
	// NormUER is layer normalisation as UER-py does it: y = γ (x-μ)/(s+ε) + β with the sample deviation
	// s = √(Σ(x-μ)²/(width-1)) and ε = 1e-6 outside the root.
	NormUER NormKind = iota
	// NormRMS is the T5 form: y = γ x/√(mean(x²)+ε).
	NormRMS
)

// NormEpsilon is ε.
const NormEpsilon = 1e-6

// Norm normalises the rows of a matrix.
type Norm struct {
	Kind        NormKind
	Width       int
	Gamma, Beta []float32 // [width]; nil Beta: none
}

// NormForward is sum = dropout(x) + residual and y = norm(sum).
type NormForward struct {
	Norm
	Y        []float32 // [rows, width]
	Sum      []float32 // [rows, width], may be X or Residual; nil if it is X, without residual and dropout
	Stats    []float32 // [rows, 2]: the mean of a row (0 for NormRMS) and its deviation s, or its root
	X        []float32 // [rows, width]
	Residual []float32 // [rows, width]; nil for none
	Rows     []int32   // [rows], numbers the rows; nil if nothing is dropped
	Dropout  Dropout
}

// NormBackward gives the gradients of NormForward: that of the residual, that of x, which is its dropout, and those of
// the parameters, summed over the rows.
type NormBackward struct {
	Norm
	DX, DResidual Output    // [rows, width], may be DY
	DParameters   []float32 // [2, width]: of Gamma, of Beta
	DY            []float32 // [rows, width]
	Sum           []float32 // [rows, width] of NormForward; X if there was none
	Stats         []float32 // [rows, 2]
	Rows          []int32   // [rows]; nil if nothing is dropped
	Dropout       Dropout
}
