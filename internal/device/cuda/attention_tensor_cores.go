package cuda

import (
	"fmt"
	"slices"

	driver "uer/internal/cuda"
	"uer/internal/graph"
	"uer/internal/op"
)

// onTensorCores tells whether there are fast kernels for heads of a size.
func (b *binder) onTensorCores(size int) bool {
	return b.device.activations == graph.BFloat16 && size%8 == 0 && size <= 128
}

// headTile is the size of heads that a kernel is made for, and how many queries, or keys of the gradient, a block has at
// least.
func headTile(size int) (most, rows int) {
	if size > 64 {
		return 128, 64
	}
	return 64, 64
}

func attentionOnTensorCores(b *binder, o op.Attention, size int) compute {
	most, rows := headTile(size)
	kernel := b.kernel(fmt.Sprintf("attention_bf16_%d", most))
	return func(r *run, out, in []operand, _ []bool) {
		a := attention{o, op.AttentionInputsOf(o, in)}
		lse := out[1].At // [tokens, heads]
		if lse == 0 {
			lse = r.floats(a.Query.Shape[0] * o.Heads)
		}
		grid := driver.Dim{over(a.longest(r), rows)[0], o.Heads, a.sequences()}
		r.launch(kernel, grid, append(list{at(out[0]), pointer(lse)}, a.arguments(r)...)...)
	}
}

func attentionGradientOnTensorCores(b *binder, o op.AttentionGradient, size int) compute {
	most, rows := headTile(size)
	terms, kernel := b.kernel("attention_terms_bf16"), b.kernel(fmt.Sprintf("attention_gradient_bf16_%d", most))
	deltas, bias := newDeltas(b), newBiasGradient(b)
	return func(r *run, out, in []operand, accumulate []bool) {
		y, lse, dy := in[0], in[1], in[2]
		a := attention{op.Attention(o), op.AttentionInputsOf(op.Attention(o), in[op.AttentionSaved:])}
		d := dropout(r, o.Dropout, o.Site)
		queries := a.Query.Shape[0]
		of := r.floats(4 * queries * o.Heads) // [tokens, heads, 4]
		r.launch(terms, over(queries*o.Heads, 32), pointer(of), at(dy), at(y), at(lse), at(a.Rows), count(queries*o.Heads),
			count(o.Heads), count(size), d[0], d[1], d[2])
		dq := out[0].At
		if !out[0].wanted() {
			dq = r.activations(queries * a.Query.Stride)
		}
		var sums driver.Pointer // [tokens, heads·size], of sequences that are longer than what a block has
		if a.longest(r) > rows {
			sums = r.floats(queries * o.Heads * size)
		}
		r.launch(kernel, driver.Dim{o.Heads, a.sequences(), 1}, slices.Concat(
			list{pointer(dq), at(out[1]), at(out[2]), pointer(sums), at(dy), pointer(of)}, a.arguments(r),
			list{flag(accumulate[0]), flag(accumulate[1]), flag(accumulate[2])})...)
		if o.Bias && out[3].wanted() {
			bias.begin(r, a, out[3], deltas.begin(r, a, in), accumulate[3])
		}
	}
}
