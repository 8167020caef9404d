package kernel

var portableConvolution = convolutionRoutines{windows: portableWindows, splitTaps: portableSplitTaps}

func portableWindows(to, x []float32, width, row, rows, taps, channels int) {
	for r := range rows {
		for i := range channels {
			for tap := range taps {
				var v float32
				if from := row + r - (taps - 1) + tap; from >= 0 {
					v = x[from*width+i]
				}
				to[(r*channels+i)*taps+tap] = v
			}
		}
	}
}

func portableSplitTaps(to []float32, tapStride int, weights []float32, leading, rows, taps, channels int) {
	for r := range rows {
		for i := range channels {
			for tap := range taps {
				to[tap*tapStride+r*channels+i] = weights[r*leading+i*taps+tap]
			}
		}
	}
}
