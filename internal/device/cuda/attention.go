package cuda

import (
	"slices"

	driver "uer/internal/cuda"
	"uer/internal/graph"
	"uer/internal/op"
)

func bindAttention(b *binder, o op.Attention) compute {
	switch size := headSize(o, b.in); {
	case b.device.activations == graph.Float32:
		return attentionInFloat(b, o)
	case onTensorCores(size):
		return attentionOnTensorCores(b, o, size)
	}
	return widened(b, attentionInFloat(b, o))
}

func bindAttentionGradient(b *binder, o op.AttentionGradient) compute {
	switch size := headSize(op.Attention(o), b.in[op.AttentionSaved:]); {
	case b.device.activations == graph.Float32:
		return attentionGradientInFloat(b, o)
	case onTensorCores(size):
		return attentionGradientOnTensorCores(b, o, size)
	}
	return widened(b, attentionGradientInFloat(b, o))
}

// headSize is the number of elements of a head.
func headSize(o op.Attention, in []graph.Shape) int {
	return op.AttentionInputsOf(o, in).Query[1] / o.Heads
}

// list is some arguments of a kernel.
type list = []driver.Argument

// attention is the attention over the present batch.
type attention struct {
	op.Attention
	op.AttentionInputs[operand]
}

// inputs are arguments that all kernels of attention share.
func (a attention) inputs() list {
	keyStarts := a.Starts
	if a.Cross {
		keyStarts = a.KeyStarts
	}
	return list{
		at(a.Query), at(a.Key), at(a.Value), at(a.Starts), at(keyStarts), at(a.Rows), at(a.AttentionInputs.Prefix),
		at(a.AttentionInputs.Lengths), at(a.AttentionInputs.Bias), count(a.Heads), count(a.size()),
	}
}

// numbers are the arguments after the inputs.
func (a attention) numbers(r *run) list {
	d := dropout(r, a.Dropout, a.Site)
	return list{count(a.MaxLength), driver.Float32(a.Scale), d[0], d[1], d[2], flag(a.Causal)}
}

func (a attention) size() int      { return a.Query.Shape[1] / a.Heads }
func (a attention) sequences() int { return a.Starts.Shape.Elements() - 1 }

// longest is the length of the longest sequence of queries or keys.
func (a attention) longest(r *run) int {
	if r.planning {
		return a.MaxLength
	}
	return max(longestOf(a.Starts.Integers), longestOf(a.KeyStarts.Integers))
}

// longestOf is the length of the longest sequence.
func longestOf(starts []int32) int {
	longest := int32(0)
	for i := range len(starts) - 1 {
		longest = max(longest, starts[i+1]-starts[i])
	}
	return int(longest)
}

// Blocks of the kernels for float32 take so many queries or keys, and so many elements of a head.
const (
	attentionRows    = 32
	attentionColumns = 64
	biasGroups       = 16 // of sequences, whose gradients of the position bias are summed apart
)

func attentionInFloat(b *binder, o op.Attention) compute {
	kernel := b.kernel("attention_float")
	return func(r *run, out, in []operand, _ []bool) {
		a := attention{o, op.AttentionInputsOf(o, in)}
		lse := out[1].At // [tokens, heads]
		if lse == 0 {
			lse = r.floats(a.Query.Shape[0] * o.Heads)
		}
		r.launch(kernel, a.grid(r), slices.Concat(list{at(out[0]), pointer(lse)}, a.inputs(), a.numbers(r))...)
	}
}

func attentionGradientInFloat(b *binder, o op.AttentionGradient) compute {
	delta, queries, keys := b.kernel("attention_delta_float"), b.kernel("attention_queries_float"), b.kernel("attention_keys_float")
	bias := newBiasGradient(b)
	return func(r *run, out, in []operand, accumulate []bool) {
		y, lse, dy := in[0], in[1], in[2]
		a := attention{op.Attention(o), op.AttentionInputsOf(op.Attention(o), in[op.AttentionSaved:])}
		rows := a.Query.Shape[0]
		products := r.floats(rows * o.Heads) // dout·out [tokens, heads]
		r.launch(delta, over(rows*o.Heads, 8), pointer(products), at(dy), at(y), count(rows*o.Heads), count(a.size()))
		terms := slices.Concat(list{at(dy), at(lse), pointer(products)}, a.inputs(), a.numbers(r))
		if out[0].wanted() {
			r.launch(queries, a.grid(r), slices.Concat(list{at(out[0])}, terms, list{flag(accumulate[0])})...)
		}
		if out[1].wanted() || out[2].wanted() {
			added := list{flag(accumulate[1]), flag(accumulate[2])}
			r.launch(keys, a.grid(r), slices.Concat(list{at(out[1]), at(out[2])}, terms, added)...)
		}
		if o.Bias && out[3].wanted() {
			bias.begin(r, a, out[3], terms, accumulate[3])
		}
	}
}

// grid is one block for some queries or keys of the longest sequence, of each head of each sequence.
func (a attention) grid(r *run) driver.Dim {
	tiles := over(a.longest(r), attentionRows)[0] * over(a.size(), attentionColumns)[0]
	return driver.Dim{tiles, a.Heads, a.sequences()}
}

// biasGradient adds up the gradient of the position bias.
type biasGradient struct {
	partials *function
	sums     columnSums
}

func newBiasGradient(b *binder) biasGradient {
	return biasGradient{b.kernel("attention_bias_float"), newColumnSums(b)}
}

// begin begins to compute out [heads, 2·length−1] from what attention_queries_float reads.
func (g biasGradient) begin(r *run, a attention, out operand, terms list, accumulate bool) {
	width := out.Shape.Elements()
	tiles, groups := over(a.MaxLength, attentionRows)[0], min(a.sequences(), biasGroups)
	partials := r.floats(groups * tiles * width) // [groups·tiles, heads, 2·length−1]
	r.launch(g.partials, driver.Dim{tiles, a.Heads, groups}, slices.Concat(list{pointer(partials)}, terms, list{count(a.sequences())})...)
	g.sums.second(r, out.At, partials, groups*tiles, width, width, accumulate)
}
