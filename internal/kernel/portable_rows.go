package kernel

import "math"

var portableRows = rowRoutines{
	activationForward:  portableActivationForward,
	activationBackward: portableActivationBackward,
	gatedForward:       portableGatedForward,
	gatedBackward:      portableGatedBackward,
	dropout:            portableDropout,
	normForward:        portableNormForward,
	normBackward:       portableNormBackward,
	gather:             portableGather,
	scatter:            portableScatter,
	columnSum:          portableColumnSum,
	add:                portableAdd,
	scale:              portableScale,
	sumSquares:         portableSumSquares,
	allFinite:          portableAllFinite,
	crossEntropy:       portableCrossEntropy,
	adamW:              portableAdamW,
	factoredSums:       portableFactoredSums,
	factoredSquares:    portableFactoredSquares,
	factoredUpdate:     portableFactoredUpdate,
}

func portableGather(out, table []float32, width int, ids []int32, scale float32, accumulate bool) {
	for i, id := range ids {
		portableScale(out[i*width:(i+1)*width], table[int(id)*width:int(id+1)*width], scale, accumulate)
	}
}

func portableScatter(table []float32, width int, ids []int32, x []float32, scale float32, first, last int) {
	for i, id := range ids {
		for j := first; j < last; j++ {
			table[int(id)*width+j] += scale * x[i*width+j]
		}
	}
}

func portableColumnSum(out, x []float32, stride int, accumulate bool) {
	if !accumulate {
		clear(out)
	}
	for i := 0; i < len(x); i += stride {
		for j := range out {
			out[j] += x[i+j]
		}
	}
}

func portableAdd(out, a, b []float32) {
	for i := range out {
		out[i] = a[i] + b[i]
	}
}

func portableScale(out, x []float32, scale float32, accumulate bool) {
	for i, v := range x {
		if accumulate {
			out[i] += scale * v
		} else {
			out[i] = scale * v
		}
	}
}

func portableSumSquares(x []float32) float64 {
	sum := 0.0
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	return sum
}

func portableAllFinite(x []float32) bool {
	for _, v := range x {
		if math.Float32bits(v)&0x7f800000 == 0x7f800000 { // the exponent of infinities and NaN
			return false
		}
	}
	return true
}
