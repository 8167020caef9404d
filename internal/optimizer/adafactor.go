package optimizer

import "uer/internal/kernel"

// adafactor keeps, instead of the mean square of each gradient, the means over the rows and over the columns of a
// matrix. UER-py can do so for matrices alone and fails on the 4-D weights of a gated convolution; here a tensor with
// more axes is a stack of matrices, made of its last two axes, each with means of its own. Tensors of one axis keep the
// mean square of each gradient.
type adafactor struct {
	settings Settings
	cpu      *kernel.CPU
	tensors  []tensor
	scratch  []float32 // as much as the largest tensor needs

	rows, columns []float32 // the moments of all tensors, one after the other
}

// tensor is a parameter with its moments.
type tensor struct {
	Parameter
	rows, columns []float32
}

func newAdafactor(cpu *kernel.CPU, s Settings, parameters []Parameter) method {
	o := &adafactor{settings: s, cpu: cpu}
	rows, columns, scratch := 0, 0, 0
	for _, p := range parameters {
		r, c := kernel.AdafactorMoments(p.Shape)
		rows, columns, scratch = rows+r, columns+c, max(scratch, kernel.AdafactorScratch(p.Shape))
	}
	o.rows, o.columns, o.scratch = make([]float32, rows), make([]float32, columns), make([]float32, scratch)
	rows, columns = 0, 0
	for _, p := range parameters {
		r, c := kernel.AdafactorMoments(p.Shape)
		o.tensors = append(o.tensors, tensor{p, o.rows[rows : rows+r], o.columns[columns : columns+c]})
		rows, columns = rows+r, columns+c
	}
	return o
}

func (o *adafactor) update(number int, rate, scale float64, parameters, gradients []float32) {
	update := kernel.Adafactor{Rate: rate, GradientScale: scale, Step: number}
	for _, t := range o.tensors {
		update.WeightDecay = 0
		if decays(t.Name) {
			update.WeightDecay = o.settings.WeightDecay
		}
		from, to := t.Offset, t.Offset+t.elements()
		o.cpu.Adafactor(update, parameters[from:to], gradients[from:to], t.rows, t.columns, t.Shape, o.scratch)
	}
}

func (o *adafactor) state() []State {
	return []State{{"row_moment", o.rows}, {"column_moment", o.columns}}
}
