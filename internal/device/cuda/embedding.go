package cuda

import (
	"fmt"

	driver "uer/internal/cuda"
	"uer/internal/device/cuda/kernels"
	"uer/internal/op"
)

// maxTables is the number of tables that the kernel sums.
const maxTables = 4

func bindEmbedding(b *binder, o op.Embedding) compute {
	kernel := b.stored("embedding")
	if o.Tables > maxTables {
		b.keep(fmt.Errorf("embedding: %d tables, GPUs sum up to %d", o.Tables, maxTables))
	}
	return func(r *run, out, in []operand, _ []bool) {
		var tables, ids [maxTables]driver.Pointer
		for i := range o.Tables {
			tables[i], ids[i] = in[i].At, in[o.Tables+i].At
		}
		tokens, width := out[0].Shape[0], out[0].Shape[1]
		r.launch(kernel, r.cells(tokens, width), at(out[0]),
			pointer(tables[0]), pointer(tables[1]), pointer(tables[2]), pointer(tables[3]),
			pointer(ids[0]), pointer(ids[1]), pointer(ids[2]), pointer(ids[3]),
			count(tokens), count(width), driver.Float32(o.Scale))
	}
}

// The gradient of a table adds the rows of tokens that share an id in an order that the host makes.
func bindEmbeddingGradient(b *binder, o op.EmbeddingGradient) compute {
	partials, sums := b.stored("embedding_partials"), b.kernel("embedding_sums")
	tokens := b.in[1].Elements()
	ids := min(tokens, o.Rows)
	maxPieces := ids + tokens/32 + 1
	var order kernels.EmbeddingOrder
	b.derives(tokens+maxPieces+1+ids+1+ids, func(in []operand, to []int32) {
		order.Sort(in[1].Integers, o.Rows)
		for _, list := range [][]int32{order.Tokens, order.Pieces, order.Lists, order.IDs} {
			to = to[copy(to, list):]
		}
	})
	return func(r *run, out, in []operand, accumulate []bool) {
		width, pieces, ids := in[0].Shape[1], maxPieces, 0
		if !r.planning {
			pieces, ids = len(order.Pieces)-1, len(order.IDs)
		}
		sorted := r.derived
		cut := sorted + driver.Pointer(4*len(order.Tokens))
		lists := cut + driver.Pointer(4*len(order.Pieces))
		numbers := lists + driver.Pointer(4*len(order.Lists))
		if !accumulate[0] {
			r.zero(out[0].At, out[0].Shape.Elements())
		}
		sum := r.floats(pieces * width) // [pieces, width]
		r.launch(partials, r.cells(pieces, width), pointer(sum), at(in[0]), pointer(sorted), pointer(cut),
			count(pieces), count(width), driver.Float32(o.Scale))
		r.launch(sums, cells(ids, width), at(out[0]), pointer(sum), pointer(lists), pointer(numbers),
			count(ids), count(width), flag(accumulate[0]))
	}
}
