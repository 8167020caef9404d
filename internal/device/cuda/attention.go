package cuda

import (
	"slices"

	driver "uer/internal/cuda"
	"uer/internal/graph"
	"uer/internal/op"
)

// Blocks of the attention kernels take so many queries or keys, and so many elements of a head.
const (
	attentionRows    = 32
	attentionColumns = 64
	biasGroups       = 16 // of sequences, whose gradients of the position bias are summed apart
)

func bindAttention(b *binder, o op.Attention) compute {
	if b.device.activations == graph.BFloat16 {
		return widened(b, attentionInFloat(b, o))
	}
	return attentionInFloat(b, o)
}

func attentionInFloat(b *binder, o op.Attention) compute {
	kernel := b.kernel("attention_float")
	return func(r *run, out, in []operand, _ []bool) {
		a := attention{o, op.AttentionInputsOf(o, in)}
		lse := out[1].At // [tokens, heads]
		if lse == 0 {
			lse = r.floats(a.Query.Shape[0] * o.Heads)
		}
		r.launch(kernel, a.grid(r), append(list{at(out[0]), pointer(lse)}, a.arguments(r)...)...)
	}
}

func bindAttentionGradient(b *binder, o op.AttentionGradient) compute {
	if b.device.activations == graph.BFloat16 {
		return widened(b, attentionGradientInFloat(b, o))
	}
	return attentionGradientInFloat(b, o)
}

func attentionGradientInFloat(b *binder, o op.AttentionGradient) compute {
	delta, queries, keys := b.kernel("attention_delta_float"), b.kernel("attention_queries_float"), b.kernel("attention_keys_float")
	bias, sums := b.kernel("attention_bias_float"), newColumnSums(b)
	return func(r *run, out, in []operand, accumulate []bool) {
		y, lse, dy := in[0], in[1], in[2]
		a := attention{op.Attention(o), op.AttentionInputsOf(op.Attention(o), in[op.AttentionSaved:])}
		rows, size := a.Query.Shape[0], a.Query.Shape[1]/o.Heads
		products := r.floats(rows * o.Heads) // dout·out [tokens, heads]
		r.launch(delta, over(rows*o.Heads, 8), pointer(products), at(dy), at(y), count(rows*o.Heads), count(size))
		terms := append(list{at(dy), at(lse), pointer(products)}, a.arguments(r)...)
		if out[0].wanted() {
			r.launch(queries, a.grid(r), slices.Concat(list{at(out[0])}, terms, list{flag(accumulate[0])})...)
		}
		if out[1].wanted() || out[2].wanted() {
			added := list{flag(accumulate[1]), flag(accumulate[2])}
			r.launch(keys, a.grid(r), slices.Concat(list{at(out[1]), at(out[2])}, terms, added)...)
		}
		if !o.Bias || !out[3].wanted() {
			return
		}
		sequences, width := a.Starts.Shape.Elements()-1, out[3].Shape.Elements()
		tiles, groups := (o.MaxLength+attentionRows-1)/attentionRows, min(sequences, biasGroups)
		partials := r.floats(groups * tiles * width) // [groups·tiles, heads, 2·length−1]
		r.launch(bias, driver.Dim{tiles, o.Heads, groups}, slices.Concat(list{pointer(partials)}, terms, list{count(sequences)})...)
		sums.second(r, out[3].At, partials, groups*tiles, width, width, accumulate[3])
	}
}

// list is some arguments of a kernel.
type list = []driver.Argument

// attention is the attention over the present batch.
type attention struct {
	op.Attention
	op.AttentionInputs[operand]
}

// arguments are those that all kernels of attention share.
func (a attention) arguments(r *run) list {
	keyStarts := a.Starts
	if a.Cross {
		keyStarts = a.KeyStarts
	}
	d := dropout(r, a.Dropout, a.Site)
	return list{
		at(a.Query), at(a.Key), at(a.Value), at(a.Starts), at(keyStarts), at(a.Rows), at(a.AttentionInputs.Prefix),
		at(a.AttentionInputs.Lengths), at(a.AttentionInputs.Bias), count(a.Heads), count(a.Query.Shape[1] / a.Heads),
		count(a.MaxLength), driver.Float32(a.Scale), d[0], d[1], d[2], flag(a.Causal),
	}
}

// grid is one block for some queries or keys of the longest sequence, of each head of each sequence.
func (a attention) grid(r *run) driver.Dim {
	longest := a.MaxLength
	if !r.planning {
		longest = longestOf(a.Starts.Integers)
		if a.Cross {
			longest = max(longest, longestOf(a.KeyStarts.Integers))
		}
	}
	size := a.Query.Shape[1] / a.Heads
	tiles := (longest + attentionRows - 1) / attentionRows * ((size + attentionColumns - 1) / attentionColumns)
	return driver.Dim{tiles, a.Heads, a.Starts.Shape.Elements() - 1}
}

// longestOf is the length of the longest sequence.
func longestOf(starts []int32) int {
	longest := int32(0)
	for i := range len(starts) - 1 {
		longest = max(longest, starts[i+1]-starts[i])
	}
	return int(longest)
}
