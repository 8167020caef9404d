// Package portable has every routine in plain Go: what a program without cgo runs, and what faster routines are tested
// against. It is written to be read, in float32 with float64 where that costs little.
package portable

import (
	"math"

	"uer/internal/kernel/routine"
)

// Table is the table of the portable routines.
func Table() routine.Table {
	return routine.Table{
		Name:                  "portable",
		Matmul:                [routine.Precisions]routine.Matmul{matmul, tiles(routine.BFloat16), tiles(routine.BFloat16x3), tiles(routine.BFloat16x6)},
		Recurrent:             recurrent,
		AttentionForward:      attentionForward,
		AttentionBackward:     attentionBackward,
		TileAttentionForward:  tileAttentionForward,
		TileAttentionBackward: tileAttentionBackward,
		Windows:               windows,
		SplitTaps:             splitTaps,
		ActivationBackward:    activationBackward,
		GatedForward:          gatedForward,
		GatedBackward:         gatedBackward,
		DropoutAdd:            dropoutAdd,
		NormForward:           normForward,
		NormBackward:          normBackward,
		EmbeddingForward:      embeddingForward,
		EmbeddingBackward:     embeddingBackward,
		CrossEntropy:          crossEntropy,
		Widen:                 widen,
		Narrow:                narrow,
		Add:                   add,
		Scale:                 scale,
		ColumnSum:             columnSum,
		SumSquares:            sumSquares,
		AllFinite:             allFinite,
		AdamW:                 adamW,
		StableMoments:         stableMoments,
		StableStep:            stableStep,
		AdafactorSums:         adafactorSums,
		AdafactorSquares:      adafactorSquares,
		AdafactorUpdate:       adafactorUpdate,
	}
}

func embeddingForward(a routine.EmbeddingForward) {
	for i, id := range a.IDs {
		out, row := a.Out[i*a.Width:(i+1)*a.Width], a.Table[int(id)*a.Width:int(id+1)*a.Width]
		scale(routine.Scale{Out: out, X: row, Factor: a.Scale, Accumulate: a.Accumulate})
	}
}

func embeddingBackward(a routine.EmbeddingBackward) {
	for i, id := range a.IDs {
		for j := range a.Columns {
			a.DTable[int(id)*a.Width+j] += a.Scale * a.DOut[i*a.Stride+j]
		}
	}
}

func columnSum(a routine.ColumnSum) {
	out := a.Out
	if !a.Accumulate {
		clear(out)
	}
	for i := 0; i < a.X.Len(); i += a.Stride {
		for j := range out {
			out[j] += read(a.X, i+j)
		}
	}
}

func add(a routine.Add) {
	out, b := a.Out, a.B
	for i, v := range a.A {
		out[i] = v + b[i]
	}
}

func scale(a routine.Scale) {
	out, factor := a.Out, a.Factor
	for i, v := range a.X {
		if a.Accumulate {
			out[i] += factor * v
		} else {
			out[i] = factor * v
		}
	}
}

func sumSquares(x []float32) float64 {
	sum := 0.0
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	return sum
}

func allFinite(x []float32) bool {
	for _, v := range x {
		if math.Float32bits(v)&0x7f800000 == 0x7f800000 { // the exponent of infinities and NaN
			return false
		}
	}
	return true
}
