package kernels

import "math"

// EmbeddingOrder sorts tokens by the ids that they look up, so that the gradient of a table can be summed in an order that
// is always the same. The tokens of an id are cut into pieces, which are summed side by side. The zero value is ready; its
// memory is used again.
type EmbeddingOrder struct {
	Tokens []int32 // [tokens] those of one id after those of another, of each id in order
	Pieces []int32 // [pieces+1] where each piece begins in Tokens
	Lists  []int32 // [ids+1] where the pieces of each id begin in Pieces
	IDs    []int32 // [ids] those that tokens have, in order

	ends []int32 // [rows] where the tokens of each id end
}

// Sort orders tokens by their ids, which are below rows.
func (o *EmbeddingOrder) Sort(ids []int32, rows int) {
	o.Tokens = resize(o.Tokens, len(ids))
	o.ends = resize(o.ends, rows)
	clear(o.ends)
	for _, id := range ids {
		o.ends[id]++
	}
	o.Pieces, o.Lists, o.IDs = append(o.Pieces[:0], 0), append(o.Lists[:0], 0), o.IDs[:0]
	end := int32(0)
	for id, count := range o.ends {
		o.ends[id] = end // where they begin, until they are placed
		if count == 0 {
			continue
		}
		step := pieceSize(count)
		for range ceilDivide(int(count), int(step)) {
			length := min(step, count)
			end, count = end+length, count-length
			o.Pieces = append(o.Pieces, end)
		}
		o.IDs = append(o.IDs, int32(id))
		o.Lists = append(o.Lists, int32(len(o.Pieces)-1))
	}
	for token, id := range ids {
		o.Tokens[o.ends[id]] = int32(token)
		o.ends[id]++
	}
}

// pieceSize is the number of tokens of a piece, for an id that so many have: as many as there are pieces, so that neither of
// the two sums is long.
func pieceSize(count int32) int32 {
	return max(32, int32(math.Ceil(math.Sqrt(float64(count)))))
}

func resize(list []int32, n int) []int32 {
	if cap(list) < n {
		return make([]int32, n)
	}
	return list[:n]
}
