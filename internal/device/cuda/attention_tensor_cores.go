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

// headTile is the size of heads that a kernel is made for, and how many queries a block has, or queries or keys a block
// of a gradient.
func headTile(size int) (most, rows, gradientRows int) {
	if size > 64 {
		return 128, 64, 64
	}
	return 64, 64, 128
}

func attentionOnTensorCores(b *binder, o op.Attention, size int) compute {
	most, rows, _ := headTile(size)
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

// attentionTogether is the length of sequences up to which one kernel makes all gradients.
const attentionTogether = 128

func attentionGradientOnTensorCores(b *binder, o op.AttentionGradient, size int) compute {
	most, _, rows := headTile(size)
	terms := b.kernel("attention_terms_bf16")
	queries := b.kernel(fmt.Sprintf("attention_queries_bf16_%d", most))
	keys := b.kernel(fmt.Sprintf("attention_keys_bf16_%d", most))
	together := b.kernel("attention_gradient_bf16_64")
	deltas, bias := newDeltas(b), newBiasGradient(b)
	return func(r *run, out, in []operand, accumulate []bool) {
		y, lse, dy := in[0], in[1], in[2]
		a := attention{op.Attention(o), op.AttentionInputsOf(op.Attention(o), in[op.AttentionSaved:])}
		d := dropout(r, o.Dropout, o.Site)
		products := a.Query.Shape[0] * o.Heads
		of := r.floats(4 * products) // [tokens, heads, 4]
		r.launch(terms, over(products, 32), pointer(of), at(dy), at(y), at(lse), at(a.Rows), count(products),
			count(o.Heads), count(size), d[0], d[1], d[2])
		from := append(list{at(dy), pointer(of)}, a.arguments(r)...)
		added := list{flag(accumulate[0]), flag(accumulate[1]), flag(accumulate[2])}
		grid := driver.Dim{over(a.longest(r), rows)[0], o.Heads, a.sequences()}
		if out[0].wanted() && !o.Bias && most == 64 && a.longest(r) <= attentionTogether {
			r.launch(together, driver.Dim{o.Heads, a.sequences(), 1},
				slices.Concat(list{at(out[0]), at(out[1]), at(out[2])}, from, added)...)
		} else {
			if out[0].wanted() {
				r.launch(queries, grid, slices.Concat(list{at(out[0])}, from, added[:1])...)
			}
			if out[1].wanted() || out[2].wanted() {
				r.launch(keys, grid, slices.Concat(list{at(out[1]), at(out[2])}, from, added[1:])...)
			}
		}
		if o.Bias && out[3].wanted() {
			bias.begin(r, a, out[3], deltas.begin(r, a, in), accumulate[3])
		}
	}
}
