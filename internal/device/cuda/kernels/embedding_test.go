//go:build gpu

package kernels

import (
	"math/rand/v2"
	"testing"
)

func TestEmbedding(t *testing.T) {
	forStorages(t, testEmbedding)
}

func testEmbedding(t *testing.T, s storage) {
	generator := rand.New(rand.NewPCG(1, 1))
	for _, size := range matrixSizes {
		tokens, width := size[0], size[1]
		vocabularies := []int{50, 7, 2}
		var tables [4]any
		var ids [4]any
		want := make([]float64, tokens*width)
		for i, rows := range vocabularies {
			table, list := random(uint64(i), rows*width), make([]int32, tokens)
			for token := range list {
				list[token] = int32(generator.IntN(rows))
			}
			tables[i], ids[i] = table, list
			scale := float32(1)
			if i == 0 {
				scale = 1.7
			}
			for j := range want {
				want[j] = float64(float32(want[j]) + scale*table[int(list[j/width])*width+j%width])
			}
		}
		y := unset(tokens * width)
		launch(t, "embedding_"+s.name, s.cellGrid(tokens, width), y, tables[0], tables[1], tables[2], tables[3],
			ids[0], ids[1], ids[2], ids[3], tokens, width, float32(1.7))
		s.compareAll(t, "embedding", y, want, 0)
		for i, rows := range vocabularies {
			testEmbeddingGradient(t, s, ids[i].([]int32), rows, width)
		}
	}
	const many = 3000 // tokens of an id, in several pieces
	ids := make([]int32, many+100)
	for i := range ids {
		ids[i] = int32(min(1, i%31))
	}
	testEmbeddingGradient(t, s, ids, 3, 5)
}

func testEmbeddingGradient(t *testing.T, s storage, ids []int32, rows, width int) {
	t.Helper()
	dy, dtable := s.random(9, len(ids)*width), random(8, rows*width)
	const scale = 0.5
	want := doubles(dtable)
	for i, d := range dy {
		want[int(ids[i/width])*width+i%width] += scale * float64(d)
	}
	var o EmbeddingOrder
	o.Sort(ids[:len(ids)/2], rows) // the order is made again in the same memory
	o.Sort(ids, rows)
	pieces, count := len(o.Pieces)-1, len(o.IDs)
	partials := unset(pieces * width)
	launch(t, "embedding_partials_"+s.name, s.cellGrid(pieces, width), partials, dy, o.Tokens, o.Pieces, pieces, width, float32(scale))
	launch(t, "embedding_sums", cellGrid(count, width), dtable, partials, o.Lists, o.IDs, count, width, true)
	compareAll(t, "gradient of a table", dtable, want, 1e-6)

	overwritten := make([]float32, rows*width)
	launch(t, "embedding_sums", cellGrid(count, width), overwritten, partials, o.Lists, o.IDs, count, width, false)
	for i, old := range random(8, rows*width) {
		want[i] -= float64(old)
	}
	compareWithin(t, "gradient of a table, overwritten", overwritten, want, 1e-4)
}
