package kernel

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// draws returns n numbers below limit.
func draws(seed uint64, n, limit int) []int32 {
	rng := rand.New(rand.NewPCG(seed, 0))
	x := make([]int32, n)
	for i := range x {
		x[i] = int32(rng.IntN(limit))
	}
	return x
}

func TestEmbeddingsAgree(t *testing.T) {
	for _, width := range []int{1, 3, 17, 63, 65, 300} {
		n := 2*rowTile(width) + 3
		words, positions := random(1, 50*width), random(2, 7*width)
		ids := [][]int32{draws(1, n, 50), draws(2, n, 7)}
		dout, before := random(3, n*width), random(4, 50*width)
		requireSame(t, 1e-6, func(c *CPU) [][]float32 {
			out, dwords, added := make([]float32, n*width), slices.Clone(before), slices.Clone(before)
			c.EmbeddingForward(&Embedding{Width: width, Scale: 3, Tables: [][]float32{words, positions}, IDs: ids, Out: Floats(out)})
			c.EmbeddingBackward(&EmbeddingGradient{Width: width, Scale: 3, IDs: ids[0], DOut: Floats(dout), DTable: Output{To: Floats(dwords)}})
			c.EmbeddingBackward(&EmbeddingGradient{Width: width, Scale: 1, IDs: ids[0], DOut: Floats(dout), DTable: Output{To: Floats(added), Accumulate: true}})
			return [][]float32{out, dwords, added}
		})
	}
}

func TestEmbeddingGradients(t *testing.T) {
	const n, width = 20, 5
	c := newTestCPU(t, "portable", 1)
	words, positions, dout := random(1, 8*width), random(2, 3*width), random(3, n*width)
	ids := [][]int32{draws(1, n, 8), draws(2, n, 3)}
	out, dwords, dpositions := make([]float32, n*width), make([]float32, 8*width), make([]float32, 3*width)
	loss := func() float64 {
		c.EmbeddingForward(&Embedding{Width: width, Scale: 2, Tables: [][]float32{words, positions}, IDs: ids, Out: Floats(out)})
		return weighted(out, dout)
	}
	c.EmbeddingBackward(&EmbeddingGradient{Width: width, Scale: 2, IDs: ids[0], DOut: Floats(dout), DTable: Output{To: Floats(dwords)}})
	c.EmbeddingBackward(&EmbeddingGradient{Width: width, Scale: 1, IDs: ids[1], DOut: Floats(dout), DTable: Output{To: Floats(dpositions)}})
	requireGradient(t, "words", words, dwords, loss)
	requireGradient(t, "positions", positions, dpositions, loss)
}

func TestEmbeddingRefusesNumbersOutsideTheTable(t *testing.T) {
	for _, id := range []int32{-1, 4} {
		for _, set := range testedSets() {
			c := newTestCPU(t, set, 1)
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%s: number %d of a table of 4 rows was taken", set, id)
					}
				}()
				c.EmbeddingForward(&Embedding{Width: 3, Scale: 1, Tables: [][]float32{make([]float32, 12)}, IDs: [][]int32{{id}}, Out: Floats(make([]float32, 3))})
			}()
		}
	}
}

func BenchmarkEmbedding(b *testing.B) {
	const n, width, vocabulary = 4096, 768, 21128
	words, positions, segments := random(1, vocabulary*width), random(2, 512*width), random(3, 3*width)
	ids := [][]int32{draws(1, n, vocabulary), counting(0, n), make([]int32, n)}
	for i := range ids[1] {
		ids[1][i] %= 128
		ids[2][i] = 1
	}
	out := make([]float32, n*width)
	b.Run("forward", func(b *testing.B) {
		eachSet(b, 8*n*width, func(c *CPU) {
			c.EmbeddingForward(&Embedding{Width: width, Scale: 1, Tables: [][]float32{words, positions, segments}, IDs: ids, Out: Floats(out)})
		})
	})
	for i, name := range []string{"words", "positions", "segments"} {
		table := [][]float32{words, positions, segments}[i]
		b.Run("backward/"+name, func(b *testing.B) {
			g := &EmbeddingGradient{Width: width, Scale: 1, IDs: ids[i], DOut: Floats(out), DTable: Output{To: Floats(table), Accumulate: true}}
			eachSet(b, 8*n*width, func(c *CPU) { c.EmbeddingBackward(g) })
		})
	}
}
