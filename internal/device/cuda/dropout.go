package cuda

import (
	"math"

	driver "uer/internal/cuda"
	"uer/internal/op"
)

func bindDropout(b *binder, o op.Dropout) compute {
	kernel := b.stored("dropout")
	return func(r *run, out, in []operand, accumulate []bool) {
		rows, width := in[0].Shape[0], in[0].Shape[1]
		d := dropout(r, o.Probability, o.Site)
		r.launch(kernel, r.cells(rows, width), at(out[0]), at(in[0]), at(in[1]), count(rows), count(width),
			d[0], d[1], d[2], flag(accumulate[0]))
	}
}

func bindDropoutAdd(b *binder, o op.DropoutAdd) compute {
	kernel := b.stored("dropout_add")
	return func(r *run, out, in []operand, _ []bool) {
		rows, width := in[0].Shape[0], in[0].Shape[1]
		d := dropout(r, o.Probability, o.Site)
		r.launch(kernel, r.cells(rows, width), at(out[0]), at(in[0]), at(in[1]), at(in[2]), count(rows), count(width),
			d[0], d[1], d[2])
	}
}

// dropout is the dropout of one place in a run, as kernels take it: the key, the threshold below which an element's hash
// drops it, and the factor of those that stay.
func dropout(r *run, probability float32, site int) [3]driver.Argument {
	threshold := uint32(min(math.Round(float64(probability)*(1<<32)), math.MaxUint32))
	var keep float32
	if probability < 1 {
		keep = float32(1 / (1 - float64(probability)))
	}
	return [3]driver.Argument{driver.Uint64(r.DropoutKey(site)), driver.Uint32(threshold), driver.Float32(keep)}
}
