package routine

// EmbeddingForward is out[i] = scale*table[ids[i]], added to out if Accumulate.
type EmbeddingForward struct {
	Out        []float32 // [n, width]
	Table      []float32 // [rows, width]
	Width      int
	IDs        []int32 // [n]
	Scale      float32
	Accumulate bool
}

// EmbeddingBackward is dtable[ids[i]] += scale*dout[i], in order of i, for some columns.
type EmbeddingBackward struct {
	DTable  []float32 // [rows, columns], rows Width apart
	Width   int
	IDs     []int32   // [n]
	DOut    []float32 // [n, columns], rows Stride apart
	Stride  int
	Scale   float32
	Columns int
}

// CrossEntropy computes the loss of some rows of logits and its gradient.
type CrossEntropy struct {
	Logits  []float32 // [rows, classes], become the gradient of the loss
	Labels  []int32   // [rows]
	Scale   float32   // 1 / number of rows of the whole loss
	DBias   []float32 // [classes], receives the column sums of the gradient; nil if not wanted
	Results []float32 // [rows, 2], receives the loss of a row, and 1 if its label has the (first) largest logit, otherwise 0
}

// Add is out = a + b. Out may be A or B.
type Add struct {
	Out, A, B []float32 // [n]
}

// Scale is out = factor*x, added to out if Accumulate. Out may be X.
type Scale struct {
	Out, X     []float32 // [n]
	Factor     float32
	Accumulate bool
}

// ColumnSum is out[j] = Σ x[i*stride+j] over all i, added to out if Accumulate.
type ColumnSum struct {
	Out        []float32 // [width]
	X          Array     // [rows, width], rows Stride apart
	Stride     int
	Accumulate bool
}
