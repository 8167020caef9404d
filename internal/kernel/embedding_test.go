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
			c.EmbeddingForward(out, width, 3, [][]float32{words, positions}, ids)
			c.EmbeddingBackward(dwords, width, ids[0], dout, 3, false)
			c.EmbeddingBackward(added, width, ids[0], dout, 1, true)
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
		c.EmbeddingForward(out, width, 2, [][]float32{words, positions}, ids)
		return weighted(out, dout)
	}
	c.EmbeddingBackward(dwords, width, ids[0], dout, 2, false)
	c.EmbeddingBackward(dpositions, width, ids[1], dout, 1, false)
	requireGradient(t, "words", words, dwords, loss)
	requireGradient(t, "positions", positions, dpositions, loss)
}

func TestEmbeddingRefusesNumbersOutsideTheTable(t *testing.T) {
	for _, id := range []int32{-1, 4} {
		for _, set := range InstructionSets() {
			c := newTestCPU(t, set, 1)
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%s: number %d of a table of 4 rows was taken", set, id)
					}
				}()
				c.EmbeddingForward(make([]float32, 3), 3, 1, [][]float32{make([]float32, 12)}, [][]int32{{id}})
			}()
		}
	}
}

func TestScatterIsTheGradientOfGather(t *testing.T) {
	for _, width := range []int{1, 17, 768} {
		rows := 3*rowTile(width) + 2
		var index []int32
		for i := range int32(rows) {
			if i%7 < 3 {
				index = append(index, i)
			}
		}
		x, dout, before := random(1, rows*width), random(2, len(index)*width), random(3, rows*width)
		requireSame(t, 0, func(c *CPU) [][]float32 {
			out, dx, added := make([]float32, len(dout)), slices.Clone(before), slices.Clone(before)
			c.GatherRows(out, x, width, index)
			c.ScatterAddRows(dx, dout, width, index, false)
			c.ScatterAddRows(added, dout, width, index, true)
			return [][]float32{out, dx, added}
		})
		c := newTestCPU(t, "portable", 1)
		out, dx, added := make([]float32, len(dout)), slices.Clone(before), slices.Clone(before)
		c.GatherRows(out, x, width, index)
		c.ScatterAddRows(dx, dout, width, index, false)
		c.ScatterAddRows(added, dout, width, index, true)
		want := make([]float32, rows*width)
		for i, row := range index {
			for j := range width {
				if out[i*width+j] != x[int(row)*width+j] {
					t.Fatalf("row %d of the gathered rows is not row %d", i, row)
				}
				want[int(row)*width+j] = dout[i*width+j]
			}
		}
		if !slices.Equal(dx, want) {
			t.Error("scattered rows are not in their places")
		}
		c.Add(want, want, before)
		if !slices.Equal(added, want) {
			t.Error("rows are not added to what was there")
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
			c.EmbeddingForward(out, width, 1, [][]float32{words, positions, segments}, ids)
		})
	})
	for i, name := range []string{"words", "positions", "segments"} {
		table := [][]float32{words, positions, segments}[i]
		b.Run("backward/"+name, func(b *testing.B) {
			eachSet(b, 8*n*width, func(c *CPU) { c.EmbeddingBackward(table, width, ids[i], out, 1, true) })
		})
	}
}
