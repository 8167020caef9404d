package kernels

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestEmbeddingOrder: every token is in a piece of its id, tokens of an id are in order, and no piece is long.
func TestEmbeddingOrder(t *testing.T) {
	var o EmbeddingOrder
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.IntRange(1, 20).Draw(t, "rows")
		ids := rapid.SliceOfN(rapid.Int32Range(0, int32(rows)-1), 0, 3000).Draw(t, "ids")
		o.Sort(ids, rows)
		want := make([]int32, len(ids))
		for i := range want {
			want[i] = int32(i)
		}
		slices.SortStableFunc(want, func(a, b int32) int { return int(ids[a] - ids[b]) })
		if !slices.Equal(o.Tokens, want) {
			t.Fatalf("tokens %v of ids %v, want %v", o.Tokens, ids, want)
		}
		if int(o.Pieces[len(o.Pieces)-1]) != len(ids) || int(o.Lists[len(o.Lists)-1]) != len(o.Pieces)-1 || len(o.Lists) != len(o.IDs)+1 {
			t.Fatalf("pieces %v, lists %v, ids %v", o.Pieces, o.Lists, o.IDs)
		}
		for i, id := range o.IDs {
			for p := o.Lists[i]; p < o.Lists[i+1]; p++ {
				if n := o.Pieces[p+1] - o.Pieces[p]; n < 1 || n > 55 {
					t.Fatalf("a piece of %d tokens", n)
				}
				for _, token := range o.Tokens[o.Pieces[p]:o.Pieces[p+1]] {
					if ids[token] != id {
						t.Fatalf("token %d of id %d is in a piece of id %d", token, ids[token], id)
					}
				}
			}
		}
	})
}
