//go:build gpu

package kernels

import (
	"math"
	"slices"
	"testing"
)

// attentionCase is an attention over a batch.
type attentionCase struct {
	name              string
	starts, keyStarts []int32 // keyStarts nil for starts
	heads, size       int
	causal            bool
	prefix, lengths   []int32
	bias              bool
	dropout           float32
}

// The first ones take most ways through the kernels.
var attentionCases = []attentionCase{
	{name: "two chunks", starts: raggedStarts[1], heads: 2, size: 100, causal: true, dropout: 0.1},
	{name: "causal bias and dropout", starts: raggedStarts[1], heads: 2, size: 66, causal: true, bias: true, dropout: 0.2},
	{name: "prefix", starts: raggedStarts[1], heads: 2, size: 5, causal: true, prefix: []int32{0, 1, 40, 0, 19, 0}},
	{name: "lengths", starts: raggedStarts[1], heads: 2, size: 64, lengths: []int32{0, 0, 50, 0, 1, 0}},
	{name: "bias", starts: raggedStarts[1], heads: 2, size: 9, bias: true},
	{name: "cross", starts: raggedStarts[0], keyStarts: []int32{0, 40, 41, 44}, heads: 2, size: 8, lengths: []int32{33, 0, 2}},
	{name: "plain", starts: raggedStarts[0], heads: 2, size: 6},
	{name: "several tiles", starts: raggedStarts[1], heads: 3, size: 16},
	{name: "causal", starts: raggedStarts[1], heads: 1, size: 20, causal: true},
	{name: "dropout", starts: raggedStarts[1], heads: 2, size: 12, dropout: 0.3},
	{name: "three chunks", starts: raggedStarts[2], heads: 1, size: 130},
	{
		name: "bias of many sequences", heads: 2, size: 4, bias: true,
		starts: []int32{0, 3, 5, 9, 10, 12, 14, 15, 20, 23, 24, 26, 30, 31, 33, 36, 38, 40, 44, 45},
	},
	{name: "sizes of one", starts: []int32{0, 1}, heads: 1, size: 1, bias: true},
}

func TestAttention(t *testing.T) {
	for _, c := range attentionCases {
		t.Run(c.name, func(t *testing.T) { testAttention(t, c) })
	}
}

func testAttention(t *testing.T, c attentionCase) {
	sequences := len(c.starts) - 1
	if c.keyStarts == nil {
		c.keyStarts = c.starts
	}
	tokens, keys, longest := int(c.starts[sequences]), int(c.keyStarts[sequences]), 0
	for s := range sequences {
		longest = max(longest, int(c.starts[s+1]-c.starts[s]), int(c.keyStarts[s+1]-c.keyStarts[s]))
	}
	maxLength, width := longest+3, c.heads*c.size
	offsets := 2*maxLength - 1
	q, k, v, dout := random(1, tokens*width), random(2, keys*width), random(3, keys*width), random(4, tokens*width)
	var bias []float32
	if c.bias {
		bias = random(5, c.heads*offsets)
	}
	number := numbers(tokens)
	scale := float32(1 / math.Sqrt(float64(c.size)))
	d, dropout := dropping(c.dropout)
	heads := slices.Concat([]any{c.starts, c.keyStarts, number, optional(c.prefix), optional(c.lengths), optional(bias)},
		[]any{c.heads, c.size, maxLength, scale}, dropout, []any{c.causal})
	headNumbers := make([]int32, 0, tokens*c.heads)
	for _, row := range number {
		for head := range c.heads {
			headNumbers = append(headNumbers, row*int32(c.heads)+int32(head))
		}
	}
	mask := kept(t, headNumbers, maxLength, d) // [tokens, heads, maxLength]

	want := attend(c, q, k, v, dout, bias, float64(scale), maxLength, mask)
	out, lse, delta := unset(tokens*width), unset(tokens*c.heads), unset(tokens*c.heads)
	blocks := grid{ceilDivide(longest, 32) * ceilDivide(c.size, 64), c.heads, sequences}
	launch(t, "attention_float", blocks, slices.Concat([]any{out, lse, q, k, v}, heads)...)
	launch(t, "attention_delta_float", warpGrid(tokens*c.heads), delta, dout, out, tokens*c.heads, c.size)
	compareWithin(t, "out", out, want.out, 3e-6)
	compareWithin(t, "lse", lse, want.lse, 2e-6)
	for _, accumulate := range []bool{false, true} {
		dq, dk, dv, dbias := random(6, tokens*width), random(7, keys*width), random(8, keys*width), random(9, c.heads*offsets)
		inputs := []any{dout, lse, delta, q, k, v}
		launch(t, "attention_queries_float", blocks, slices.Concat([]any{dq}, inputs, heads, []any{accumulate})...)
		launch(t, "attention_keys_float", blocks, slices.Concat([]any{dk, dv}, inputs, heads, []any{accumulate, accumulate})...)
		compareGradient(t, "dq", dq, random(6, tokens*width), want.dq, accumulate)
		compareGradient(t, "dk", dk, random(7, keys*width), want.dk, accumulate)
		compareGradient(t, "dv", dv, random(8, keys*width), want.dv, accumulate)
		if !c.bias {
			continue
		}
		tiles, groups := BiasBlocks(maxLength, sequences)
		rows, width := groups*tiles, c.heads*offsets
		partials := unset(rows * width)
		launch(t, "attention_bias_float", grid{tiles, c.heads, groups}, slices.Concat([]any{partials}, inputs, heads, []any{sequences})...)
		sumColumns(t, columnSum{dbias, partials, rows, width, width, accumulate})
		compareGradient(t, "dbias", dbias, random(9, c.heads*offsets), want.dbias, accumulate)
	}
}

func compareGradient(t *testing.T, what string, got, old []float32, want []float64, accumulate bool) {
	t.Helper()
	if accumulate {
		want = added(old, want)
		what += " added"
	}
	compareWithin(t, what, got, want, 2e-5)
}

// optional is an argument of a kernel that may be null.
func optional[T any](x []T) any {
	if x == nil {
		return nil
	}
	return x
}

type attended struct{ out, lse, dq, dk, dv, dbias []float64 }

// attend computes the formulas of attention in float64.
func attend(c attentionCase, q, k, v, dout, bias []float32, scale float64, maxLength int, mask []float64) attended {
	width, offsets := c.heads*c.size, 2*maxLength-1
	a := attended{
		out: make([]float64, len(q)), lse: make([]float64, len(q)/c.size), dq: make([]float64, len(q)),
		dk: make([]float64, len(k)), dv: make([]float64, len(k)), dbias: make([]float64, c.heads*offsets),
	}
	for s := range len(c.starts) - 1 {
		for i := range int(c.starts[s+1] - c.starts[s]) {
			for head := range c.heads {
				token := int(c.starts[s]) + i
				at, row := token*width+head*c.size, token*c.heads+head
				first, seen := int(c.keyStarts[s]), visibleKeys(c, s, i)
				score, dp := make([]float64, seen), make([]float64, seen)
				for j := range seen {
					key := (first+j)*width + head*c.size
					for l := range c.size {
						score[j] += float64(q[at+l]) * float64(k[key+l])
						dp[j] += float64(dout[at+l]) * float64(v[key+l])
					}
					if bias != nil {
						score[j] += float64(bias[head*offsets+j-i+maxLength-1])
					}
					score[j] *= scale
					a.lse[row] += math.Exp(score[j])
				}
				a.lse[row] = math.Log(a.lse[row])
				delta := 0.0
				for j := range seen {
					key, p, m := (first+j)*width+head*c.size, math.Exp(score[j]-a.lse[row]), mask[row*maxLength+j]
					for l := range c.size {
						a.out[at+l] += p * m * float64(v[key+l])
						a.dv[key+l] += p * m * float64(dout[at+l])
					}
					delta += p * m * dp[j]
				}
				for j := range seen {
					key, p, m := (first+j)*width+head*c.size, math.Exp(score[j]-a.lse[row]), mask[row*maxLength+j]
					ds := scale * p * (m*dp[j] - delta)
					for l := range c.size {
						a.dq[at+l] += ds * float64(k[key+l])
						a.dk[key+l] += ds * float64(q[at+l])
					}
					a.dbias[head*offsets+j-i+maxLength-1] += ds
				}
			}
		}
	}
	return a
}

// visibleKeys is the number of keys that query i of sequence s sees.
func visibleKeys(c attentionCase, s, i int) int {
	limit := int(c.keyStarts[s+1] - c.keyStarts[s])
	if c.lengths != nil && c.lengths[s] > 0 {
		limit = min(limit, int(c.lengths[s]))
	}
	if !c.causal {
		return limit
	}
	seen := i + 1
	if c.prefix != nil {
		seen = max(seen, int(c.prefix[s]))
	}
	return min(limit, seen)
}
