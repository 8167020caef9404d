package portable

import "uer/internal/kernel/routine"

func widen(w routine.Widen) {
	for r := range w.Rows {
		to, x := w.To[r*w.ToStride:][:w.Width], w.X[r*w.Stride:][:w.Width]
		for i, v := range x {
			to[i] = routine.FromBFloat16(v)
		}
	}
}

func narrow(n routine.Narrow) {
	for r := range n.Rows {
		to, x := n.To[r*n.ToStride:][:n.Width], n.X[r*n.Stride:][:n.Width]
		for i, v := range x {
			if n.Accumulate {
				v += routine.FromBFloat16(to[i])
			}
			to[i] = routine.ToBFloat16(v)
		}
	}
}

// read is element i of an array.
func read(a routine.Array, i int) float32 {
	if a.Halves != nil {
		return routine.FromBFloat16(a.Halves[i])
	}
	return a.Floats[i]
}

// write sets element i of an array.
func write(a routine.Array, i int, x float32) {
	if a.Halves != nil {
		a.Halves[i] = routine.ToBFloat16(x)
	} else {
		a.Floats[i] = x
	}
}
