package cuda

import (
	driver "uer/internal/cuda"
	"uer/internal/graph"
	"uer/internal/op"
)

// maxLogits bounds the logits that exist at a time on a device: rows of them are computed, turned into gradients and used.
const maxLogits = 64 << 20

func bindCrossEntropy(b *binder, o op.CrossEntropy) compute {
	kernel, totals, sums := b.stored("cross_entropy"), b.kernel("cross_entropy_totals"), newColumnSums(b)
	return func(r *run, out, in []operand, accumulate []bool) {
		c := op.CrossEntropyInputsOf(o, in)
		rows, width, classes := c.Hidden.Shape[0], c.Hidden.Shape[1], c.Weight.Shape[0]
		losses, hits := r.floats(rows), r.floats(rows) // [rows]
		stride := classes                              // between rows of logits, which products read faster if they begin at multiples of 16 bytes
		if r.device.activations == graph.BFloat16 {
			stride = (classes + 7) / 8 * 8
		}
		chunk := min(rows, max(1, b.device.logits/classes))
		logits := driver.Matrix{At: r.activations(chunk * stride), Stride: stride} // [chunk, classes]
		weight, bias := r.weight(c.Weight), r.weight(c.Bias)
		wantsBias := o.Bias && out[4].wanted()
		var scale float32
		if rows > 0 {
			scale = 1 / float32(rows)
		}
		for first := 0; first < max(rows, 1); first += max(chunk, 1) {
			n, later := min(chunk, rows-first), first > 0
			if later {
				r.finishSums()
			}
			hidden, offset := c.Hidden.At+r.bytes(first*width), driver.Pointer(4*first)
			r.multiply(toActivations, driver.Product{ // h Wᵀ + b
				M: n, N: classes, K: width, A: driver.Matrix{At: hidden}, B: driver.Matrix{At: weight, Transposed: true},
				D: logits, Bias: bias,
			})
			r.launch(kernel, driver.Dim{n, 1, 1}, pointer(logits.At), pointer(losses+offset), pointer(hits+offset),
				pointer(c.Labels.At+offset), count(classes), count(stride), driver.Float32(scale), driver.Float32(float32(o.ZLoss)))
			if out[2].wanted() { // dh = dlogits W
				r.multiply(toActivations, driver.Product{
					M: n, N: width, K: classes, A: logits, B: driver.Matrix{At: weight},
					D: driver.Matrix{At: out[2].At + r.bytes(first*width)}, Beta: beta(accumulate[2]),
				})
			}
			if out[3].wanted() { // dW = dlogitsᵀ h
				r.multiply(toFloat, driver.Product{
					M: classes, N: width, K: n, A: driver.Matrix{At: logits.At, Stride: stride, Transposed: true}, B: driver.Matrix{At: hidden},
					D: driver.Matrix{At: out[3].At}, Beta: beta(accumulate[3] || later),
				})
			}
			if wantsBias {
				r.sum(out[4].At, sums.first(r, logits.At, n, classes, stride), 0, classes, accumulate[4] || later)
			}
		}
		r.launch(totals, over(1, 1), at(out[0]), at(out[1]), pointer(losses), pointer(hits), count(rows))
	}
}
