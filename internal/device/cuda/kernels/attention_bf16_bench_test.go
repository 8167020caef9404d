//go:build gpu

package kernels

import (
	"math/rand/v2"
	"slices"
	"testing"

	"uer/internal/cuda"
)

// raggedLengths are sequences like those of short reviews: 39 tokens on average, at most 128.
func raggedLengths(sequences int) []int32 {
	generator := rand.New(rand.NewPCG(1, 2))
	starts := make([]int32, sequences+1)
	for i := range sequences {
		starts[i+1] = starts[i] + int32(min(128, 4+generator.ExpFloat64()*38))
	}
	return starts
}

func BenchmarkAttentionBF16(b *testing.B) {
	requireGPU(b)
	for _, shape := range []struct {
		name    string
		starts  []int32
		causal  bool
		dropout float32
	}{
		{"256x512 dropout", evenStarts(256, 512), false, 0.1},
		{"256x512", evenStarts(256, 512), false, 0},
		{"64x1024 causal dropout", evenStarts(64, 1024), true, 0.1},
		{"32x128 dropout", evenStarts(32, 128), false, 0.1},
		{"256x128 dropout", evenStarts(256, 128), false, 0.1},
		{"ragged dropout", raggedLengths(256), false, 0.1},
	} {
		b.Run(shape.name, func(b *testing.B) { benchmarkAttentionBF16(b, shape.starts, shape.causal, shape.dropout) })
	}
}

// benchmarkAttentionBF16 times the kernels that operations launch, with 12 heads of 64. Operations are those that a
// kernel computes: scores are computed again for the gradients of the queries and of the keys.
func benchmarkAttentionBF16(b *testing.B, starts []int32, causal bool, probability float32) {
	const width, heads = benchWidth, benchHeads
	sequences := len(starts) - 1
	tokens, longest, product := int(starts[sequences]), 0, 0.0 // product: operations of one product
	for s := range sequences {
		length := int(starts[s+1] - starts[s])
		longest = max(longest, length)
		product += 2 * float64(length) * float64(length) * width
	}
	if causal {
		product /= 2
	}
	g, err := openGPU()
	if err != nil {
		b.Fatal(err)
	}
	pass := func(name string, arguments ...any) []cuda.Argument {
		k, err := Find(name)
		if err != nil {
			b.Fatal(err)
		}
		passed, err := g.arguments(b, k, arguments)
		if err != nil {
			b.Fatal(err)
		}
		return passed
	}
	n, number := tokens*width, numbers(tokens)
	_, dropout := dropping(probability)
	of := slices.Concat([]any{starts, starts, number, nil, nil, nil},
		[]any{heads, width / heads, width, width, longest, float32(0.125)}, dropout, []any{causal})
	forward := pass("attention_bf16_64", append([]any{memory(n), memory(tokens * heads), tiled(n), tiled(n), tiled(n)}, of...)...)
	gradient := pass("attention_gradient_bf16_64", slices.Concat(
		[]any{memory(n), memory(n), memory(n), tiled(n), memory(4 * tokens * heads), nil, nil, nil}, of, []any{false, false, false})...)
	copy(gradient[5:8], forward[2:5]) // q, k, v
	terms := pass("attention_terms_bf16",
		append([]any{nil, nil, nil, nil, number, tokens * heads, heads, width / heads}, dropout...)...)
	terms[0], terms[1], terms[2], terms[3] = gradient[4], gradient[3], forward[0], forward[1]
	from, added := gradient[3:len(gradient)-3], gradient[len(gradient)-3:]
	run := func(name string, blocks grid, w work, passed ...cuda.Argument) {
		b.Run(name, func(b *testing.B) { measurePassed(b, name, blocks, w, passed) })
	}
	run("attention_bf16_64", grid{ceilDivide(longest, 64), heads, sequences}, work{flops: 2 * product}, forward...)
	run("attention_terms_bf16", grid{ceilDivide(tokens*heads, 32)}, work{bytes: 4 * float64(n)}, terms...)
	if longest <= 128 {
		run("attention_gradient_bf16_64", grid{heads, sequences}, work{flops: 5 * product}, gradient...)
	}
	blocks := grid{ceilDivide(longest, 128), heads, sequences}
	run("attention_queries_bf16_64", blocks, work{flops: 3 * product}, slices.Concat(gradient[:1], from, added[:1])...)
	run("attention_keys_bf16_64", blocks, work{flops: 4 * product}, slices.Concat(gradient[1:3], from, added[1:])...)
}
