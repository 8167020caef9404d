package cuda

import (
	"slices"

	driver "uer/internal/cuda"
	"uer/internal/graph"
	"uer/internal/op"
)

// list is some arguments of a kernel.
type list = []driver.Argument

// attention is the attention over the present batch.
type attention struct {
	op.Attention
	op.AttentionInputs[operand]
}

// arguments are those that all kernels of attention share. In bfloat16, queries, keys and values may be columns of a matrix.
func (a attention) arguments(r *run) list {
	keyStarts := a.Starts
	if a.Cross {
		keyStarts = a.KeyStarts
	}
	arguments := list{
		at(a.Query), at(a.Key), at(a.Value), at(a.Starts), at(keyStarts), at(a.Rows), at(a.AttentionInputs.Prefix),
		at(a.AttentionInputs.Lengths), at(a.AttentionInputs.Bias), count(a.Heads), count(a.size()),
	}
	if r.device.activations == graph.BFloat16 {
		arguments = append(arguments, count(a.Query.Stride), count(a.Key.Stride))
	}
	d := dropout(r, a.Dropout, a.Site)
	return append(arguments, count(a.MaxLength), driver.Float32(a.Scale), d[0], d[1], d[2], flag(a.Causal))
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

// Blocks of kernels for heads of any size take so many queries or keys, and so many elements of a head.
const (
	attentionRows    = 32
	attentionColumns = 64
	biasGroups       = 16 // of sequences, whose gradients of the position bias are summed apart
)

func bindAttention(b *binder, o op.Attention) compute {
	if size := op.AttentionInputsOf(o, b.in).Query[1] / o.Heads; b.onTensorCores(size) {
		return attentionOnTensorCores(b, o, size)
	}
	kernel := b.stored("attention")
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
	if size := op.AttentionInputsOf(op.Attention(o), b.in[op.AttentionSaved:]).Query[1] / o.Heads; b.onTensorCores(size) {
		return attentionGradientOnTensorCores(b, o, size)
	}
	queries, keys, deltas, bias := b.stored("attention_queries"), b.stored("attention_keys"), newDeltas(b), newBiasGradient(b)
	return func(r *run, out, in []operand, accumulate []bool) {
		a := attention{op.Attention(o), op.AttentionInputsOf(op.Attention(o), in[op.AttentionSaved:])}
		terms := deltas.begin(r, a, in)
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

// deltas computes what the gradients read besides the inputs of the attention.
type deltas struct{ kernel *function }

func newDeltas(b *binder) deltas { return deltas{b.stored("attention_delta")} }

// begin begins to compute it from the inputs of the gradient, and returns the arguments of the kernels that follow.
func (d deltas) begin(r *run, a attention, in []operand) list {
	y, lse, dy := in[0], in[1], in[2]
	rows := a.Query.Shape[0] * a.Heads
	delta := r.floats(rows) // dout·out [tokens, heads]
	r.launch(d.kernel, over(rows, 8), pointer(delta), at(dy), at(y), count(rows), count(a.size()))
	return append(list{at(dy), at(lse), pointer(delta)}, a.arguments(r)...)
}

// biasGradient adds up the gradient of the position bias.
type biasGradient struct{ partials *function }

func newBiasGradient(b *binder) biasGradient {
	return biasGradient{b.stored("attention_bias")}
}

// begin begins to compute out [heads, 2·length−1] from what deltas.begin returns.
func (g biasGradient) begin(r *run, a attention, out operand, terms list, accumulate bool) {
	width := out.Shape.Elements()
	tiles, groups := over(a.MaxLength, attentionRows)[0], min(a.sequences(), biasGroups)
	p := r.partialSums(groups*tiles, groups*tiles, width) // [groups·tiles, heads, 2·length−1]
	r.launch(g.partials, driver.Dim{tiles, a.Heads, groups}, slices.Concat(list{pointer(p.at)}, terms, list{count(a.sequences())})...)
	r.sum(out.At, p, 0, width, accumulate)
}
