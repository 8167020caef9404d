package portable

import "uer/internal/kernel/routine"

func windows(w routine.Windows) {
	for r := range w.Rows {
		for i := range w.Channels {
			for tap := range w.Taps {
				var v float32
				if from := w.Row + r - (w.Taps - 1) + tap; from >= 0 {
					v = w.X[from*w.Width+i]
				}
				w.To[(r*w.Channels+i)*w.Taps+tap] = v
			}
		}
	}
}

func splitTaps(s routine.SplitTaps) {
	for r := range s.Rows {
		for i := range s.Channels {
			for tap := range s.Taps {
				s.To[tap*s.TapStride+r*s.Channels+i] = s.Weights[r*s.Leading+i*s.Taps+tap]
			}
		}
	}
}
