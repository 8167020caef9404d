// Package routine is the contract between the operations of the CPU and the code that is written for an instruction
// set.
//
// A routine computes one tile on one thread: it knows neither threads nor how an operation was cut into tiles. It takes one
// argument, a struct that names its operands, and is a field of a [Table]. Package portable has every routine in plain Go.
// Package native has faster ones in C and puts them into a copy of the portable table, so a new routine works with every
// instruction set before it is fast with any.
//
// Routines do not check their operands: slices have the lengths that their comments state. A change here compiles the C
// again, so only what both sides must agree on is here.
package routine

// Table holds the routines of one instruction set. None is nil.
type Table struct {
	Name string // of the instruction set

	Matmul    [Precisions]Matmul // by precision
	Recurrent Recurrent

	AttentionForward      func(AttentionHeads)
	AttentionBackward     func(AttentionHeads)
	TileAttentionForward  TileAttention
	TileAttentionBackward TileAttention

	Windows   func(Windows)
	SplitTaps func(SplitTaps)

	ActivationBackward func(ActivationBackward)
	GatedForward       func(GatedForward)
	GatedBackward      func(GatedBackward)
	DropoutAdd         func(DropoutAdd)
	NormForward        func(NormForward)
	NormBackward       func(NormBackward)
	EmbeddingForward   func(EmbeddingForward)
	EmbeddingBackward  func(EmbeddingBackward)
	CrossEntropy       func(CrossEntropy)

	Widen  func(Widen)
	Narrow func(Narrow)

	Add        func(Add)
	Scale      func(Scale)
	ColumnSum  func(ColumnSum)
	SumSquares func(x []float32) float64 // Σ x²
	AllFinite  func(x []float32) bool    // neither infinities nor NaN

	AdamW            func(AdamWUpdate)
	StableMoments    func(AdamWUpdate) float64 // updates the moments, and returns Σ g²/max(v, ε²)
	StableStep       func(AdamWUpdate)         // updates the parameters from the moments
	AdafactorSums    func(Factored)            // of squared gradients, into Row and Column
	AdafactorSquares func(Factored) float64    // Σ of the squared updates, before clipping
	AdafactorUpdate  func(FactoredUpdate)
}

// Output is one of several results of an operation. What is added to numbers in bfloat16 is added in float32 and rounded then.
type Output struct {
	To         Array // left out if the result is not wanted
	Accumulate bool  // add to what is there
}

// Slice is the part [first, last) of an output.
func (o Output) Slice(first, last int) Output { return Output{o.To.Slice(first, last), o.Accumulate} }

// CacheLine is the number of float32 elements in a line of the cache.
const CacheLine = 16

// CeilDivide is a/b rounded up.
func CeilDivide(a, b int) int { return (a + b - 1) / b }

// RoundUp is the first multiple of m that is not below n.
func RoundUp(n, m int) int { return CeilDivide(n, m) * m }
