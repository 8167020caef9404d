package device

// Limits are what a device reaches at most, as measured on it. Zero stands for what was not measured.
type Limits struct {
	Products  float64 // floating-point operations a second, in a large matrix product of the format that programs use
	Bandwidth float64 // bytes a second, read and written by a large copy
}

// Floor is the least time in seconds in which the work could be done, 0 if there are no limits.
func (l Limits) Floor(w Work) float64 {
	if l == (Limits{}) {
		return 0
	}
	return max(float64(w.FLOPs)/l.Products, float64(w.Bytes)/l.Bandwidth)
}
