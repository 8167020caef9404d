package routine

// Windows writes the windows that end at some rows of a matrix x [.., width], beginning with row Row: to[r, i, k] is
// x[row+r-(taps-1)+k, i], or 0 if there is no such row.
type Windows struct {
	To, X                            []float32
	Width, Row, Rows, Taps, Channels int
}

// SplitTaps writes to[k*tapStride + r*channels + i] = weights[r*leading + i*taps + k].
type SplitTaps struct {
	To, Weights                              []float32
	TapStride, Leading, Rows, Taps, Channels int
}
