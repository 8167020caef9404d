package routine

// Windows copies the windows that end at the rows from Row on of a matrix x [.., width]: to[r, i, k] = x[row+r-(taps-1)+k, i],
// or 0 if there is no such row.
type Windows struct {
	To, X                            []float32
	Width, Row, Rows, Taps, Channels int
}

// SplitTaps copies to[k*tapStride + r*channels + i] = weights[r*leading + i*taps + k].
type SplitTaps struct {
	To, Weights                              []float32
	TapStride, Leading, Rows, Taps, Channels int
}
