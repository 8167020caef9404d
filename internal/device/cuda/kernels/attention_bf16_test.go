//go:build gpu

package kernels

import (
	"math"
	"slices"
	"testing"
)

// The first ones take most ways through the kernels of tensor cores.
var attentionBF16Cases = []attentionCase{
	{name: "causal bias and dropout", starts: []int32{0, 0, 1, 171, 171, 190, 190}, heads: 2, size: 40, causal: true, bias: true, dropout: 0.2},
	{name: "several tiles with dropout", starts: []int32{0, 150, 150, 290}, heads: 2, size: 64, dropout: 0.1},
	{name: "large heads", starts: []int32{0, 1, 141}, heads: 2, size: 80, causal: true, dropout: 0.1},
	{name: "prefix", starts: raggedStarts[1], heads: 2, size: 16, causal: true, prefix: []int32{0, 1, 40, 0, 19, 0}},
	{name: "lengths", starts: []int32{0, 0, 1, 171, 171, 190, 190}, heads: 2, size: 64, lengths: []int32{0, 0, 50, 0, 1, 0}},
	{name: "bias", starts: raggedStarts[1], heads: 2, size: 8, bias: true},
	{name: "cross", starts: []int32{0, 4, 4, 7, 140, 140}, keyStarts: []int32{0, 140, 141, 144, 154, 160}, heads: 2, size: 24, lengths: []int32{133, 0, 2, 0, 0}},
	{name: "plain", starts: raggedStarts[0], heads: 3, size: 64},
	{name: "up to 128", starts: []int32{0, 128, 191, 256, 256, 266}, heads: 2, size: 64, dropout: 0.1},
	{name: "up to 128, causal", starts: []int32{0, 128, 191, 256, 256, 266}, heads: 2, size: 32, causal: true},
	{
		name: "up to 128, cross", starts: []int32{0, 4, 4, 7, 100, 100}, keyStarts: []int32{0, 110, 111, 114, 124, 130},
		heads: 2, size: 24, lengths: []int32{90, 0, 2, 0, 0},
	},
	{name: "causal", starts: []int32{0, 0, 1, 171, 171, 190, 190}, heads: 1, size: 64, causal: true},
	{name: "largest heads", starts: raggedStarts[1], heads: 2, size: 128},
	{name: "bias of large heads", starts: raggedStarts[2], heads: 2, size: 96, bias: true, dropout: 0.5},
	{name: "sizes of one", starts: []int32{0, 1}, heads: 1, size: 8},
	{name: "odd heads", starts: raggedStarts[1], heads: 3, size: 21, causal: true, bias: true, dropout: 0.1},
	{name: "odd heads, cross", starts: raggedStarts[0], keyStarts: []int32{0, 40, 41, 44}, heads: 2, size: 13, lengths: []int32{33, 0, 2}},
	{name: "heads of three chunks", starts: raggedStarts[2], heads: 1, size: 136},
}

func TestAttentionBF16(t *testing.T) {
	for _, c := range attentionBF16Cases {
		t.Run(c.name, func(t *testing.T) { testAttentionBF16(t, c) })
	}
}

// bfloat16 is numbers that bfloat16 holds.
func bfloat16(seed uint64, n int) []float32 { return wholes(halves(random(seed, n))) }

// strided spreads rows over wider ones, with NaN between them.
func strided(x []float32, width, stride int) []uint16 {
	wide := unsetHalves(len(x) / width * stride)
	for i := range len(x) / width {
		copy(wide[i*stride:], halves(x[i*width:(i+1)*width]))
	}
	return wide
}

// dense is the opposite, and requires that nothing was written between the rows.
func dense(t *testing.T, wide []uint16, width, stride int) []float32 {
	t.Helper()
	var x []float32
	for row := range slices.Chunk(wide, stride) {
		x = append(x, wholes(row[:width])...)
		for _, between := range wholes(row[width:]) {
			if between == between {
				t.Fatal("written to between the rows")
			}
		}
	}
	return x
}

func testAttentionBF16(t *testing.T, c attentionCase) {
	sequences := len(c.starts) - 1
	if c.keyStarts == nil {
		c.keyStarts = c.starts
	}
	tokens, keys, longest := int(c.starts[sequences]), int(c.keyStarts[sequences]), 0
	for s := range sequences {
		longest = max(longest, int(c.starts[s+1]-c.starts[s]), int(c.keyStarts[s+1]-c.keyStarts[s]))
	}
	maxLength, width := longest+3, c.heads*c.size
	offsets, stride, keyStride := 2*maxLength-1, width+16, width+8
	q, k, v, dout := bfloat16(1, tokens*width), bfloat16(2, keys*width), bfloat16(3, keys*width), bfloat16(4, tokens*width)
	var bias []float32
	if c.bias {
		bias = random(5, c.heads*offsets)
	}
	number, scale := numbers(tokens), float32(1/math.Sqrt(float64(c.size)))
	d, dropout := dropping(c.dropout)
	heads := slices.Concat([]any{c.starts, c.keyStarts, number, optional(c.prefix), optional(c.lengths), optional(bias)},
		[]any{c.heads, c.size, stride, keyStride, maxLength, scale}, dropout, []any{c.causal})
	headNumbers := make([]int32, 0, tokens*c.heads)
	for _, row := range number {
		for head := range c.heads {
			headNumbers = append(headNumbers, row*int32(c.heads)+int32(head))
		}
	}
	want := attend(c, q, k, v, dout, bias, float64(scale), maxLength, kept(t, headNumbers, maxLength, d))

	inputs := []any{strided(q, width, stride), strided(k, width, keyStride), strided(v, width, keyStride)}
	shared := slices.Concat(inputs, heads)
	kernels, rows, gradientRows := attentionKernels(c.size)
	blocks, gradientBlocks := grid{ceilDivide(longest, rows), c.heads, sequences}, grid{ceilDivide(longest, gradientRows), c.heads, sequences}
	if kernels == "" {
		blocks[0] *= ceilDivide(c.size, 64)
		gradientBlocks[0] *= ceilDivide(c.size, 64)
	}
	out, lse := unsetHalves(tokens*width), unset(tokens*c.heads)
	launch(t, "attention_bf16"+kernels, blocks, append([]any{out, lse}, shared...)...)
	compareRounded(t, "out", wholes(out), want.out)
	compareWithin(t, "lse", lse, want.lse, 1e-5)
	delta, terms := unset(tokens*c.heads), unset(tokens*c.heads*4)
	launch(t, "attention_delta_bf16", warpGrid(tokens*c.heads), delta, halves(dout), out, tokens*c.heads, c.size)
	if kernels != "" {
		launch(t, "attention_terms_bf16", grid{ceilDivide(tokens*c.heads, 32)},
			append([]any{terms, halves(dout), out, lse, number, tokens * c.heads, c.heads, c.size}, dropout...)...)
	}
	for _, together := range []bool{false, true} {
		if together && (kernels != "_64" || c.bias || longest > 128) {
			continue // no kernel makes all gradients of these
		}
		for _, accumulate := range []bool{false, true} {
			oldQ, oldK, oldV := bfloat16(6, tokens*width), bfloat16(7, keys*width), bfloat16(8, keys*width)
			dq, dk, dv := strided(oldQ, width, stride), strided(oldK, width, keyStride), strided(oldV, width, keyStride)
			from := []any{halves(dout), terms}
			if kernels == "" {
				from = []any{halves(dout), lse, delta}
			}
			from = append(from, shared...)
			if together {
				launch(t, "attention_gradient_bf16"+kernels, grid{c.heads, sequences},
					slices.Concat([]any{dq, dk, dv}, from, []any{accumulate, accumulate, accumulate})...)
			} else {
				launch(t, "attention_queries_bf16"+kernels, gradientBlocks, slices.Concat([]any{dq}, from, []any{accumulate})...)
				launch(t, "attention_keys_bf16"+kernels, gradientBlocks, slices.Concat([]any{dk, dv}, from, []any{accumulate, accumulate})...)
			}
			compareBF16Gradient(t, "dq", dense(t, dq, width, stride), oldQ, want.dq, accumulate)
			compareBF16Gradient(t, "dk", dense(t, dk, width, keyStride), oldK, want.dk, accumulate)
			compareBF16Gradient(t, "dv", dense(t, dv, width, keyStride), oldV, want.dv, accumulate)
		}
	}
	if !c.bias {
		return
	}
	tiles, groups := BiasBlocks(maxLength, sequences)
	biasRows, dbias := groups*tiles, unset(c.heads*offsets)
	partials := unset(biasRows * c.heads * offsets)
	launch(t, "attention_bias_bf16", grid{tiles, c.heads, groups},
		slices.Concat([]any{partials, halves(dout), lse, delta}, shared, []any{sequences})...)
	sumColumns(t, columnSum{dbias, partials, biasRows, c.heads * offsets, c.heads * offsets, false})
	compareRounded(t, "dbias", dbias, want.dbias)
}

// attentionKernels is the end of the names of the kernels for heads of a size, and the queries of a block, or the queries
// or keys of a block of a gradient.
func attentionKernels(size int) (kernels string, rows, gradientRows int) {
	switch {
	case size%8 != 0 || size > 128:
		return "", 32, 32
	case size > 64:
		return "_128", 64, 64
	}
	return "_64", 64, 128
}

func compareBF16Gradient(t *testing.T, what string, got, old []float32, want []float64, accumulate bool) {
	t.Helper()
	if accumulate {
		want = added(old, want)
		what += " added"
	}
	compareRounded(t, what, got, want)
}

// compareRounded requires the error's root mean square, relative to that of the elements, to be what rounding to bfloat16
// at several places makes of it, and every element to be within 1 % of the largest.
func compareRounded(t *testing.T, what string, got []float32, want []float64) {
	t.Helper()
	errors, squares := 0.0, 0.0
	for i, g := range got {
		errors += (float64(g) - want[i]) * (float64(g) - want[i])
		squares += want[i] * want[i]
	}
	if squares > 0 && !(math.Sqrt(errors/squares) <= 4e-3) {
		t.Errorf("%s is off by %.2g", what, math.Sqrt(errors/squares))
	}
	compareAll(t, what, got, want, 1e-2)
}
