//go:build gpu

package kernels

import (
	"fmt"
	"slices"
	"testing"
)

// BenchmarkBandwidth times the kernels that memory limits, in a small batch, a ragged one and a large one of RoBERTa base:
// with -test.benchtime 50x it takes some seconds.
func BenchmarkBandwidth(b *testing.B) {
	requireGPU(b)
	for _, size := range [][2]int{{4096, 768}, {1300, 768}, {131072, 768}} {
		for _, s := range storages {
			b.Run(fmt.Sprintf("%s %dx%d", s.name, size[0], size[1]), func(b *testing.B) {
				benchRows(b, s, size[0], size[1])
				benchNorm(b, s, size[0], size[1])
				benchEmbedding(b, s, size[0], size[1])
			})
		}
	}
	for _, size := range [][2]int{{4096, 3072}, {1300, 3072}, {32768, 3072}} {
		for _, s := range storages {
			b.Run(fmt.Sprintf("%s %dx%d", s.name, size[0], size[1]), func(b *testing.B) {
				benchActivation(b, s, size[0], size[1])
			})
		}
	}
	for _, size := range [][2]int{{98304, 1024}, {65536, 1600}, {32768, 4096}} {
		b.Run(fmt.Sprintf("bf16 %dx%d", size[0], size[1]), func(b *testing.B) { benchNorm(b, storages[1], size[0], size[1]) })
	}
}

// BenchmarkLoss has the predictions of a small and of a large batch of RoBERTa base, and of GPT-2, also with rows that are not
// aligned.
func BenchmarkLoss(b *testing.B) {
	requireGPU(b)
	for _, size := range [][3]int{{benchPredicted, benchWords, benchWords}, {4800, benchWords, benchWords}, {2048, 50257, 50264}, {2048, 50257, 50257}} {
		for _, s := range storages {
			b.Run(fmt.Sprintf("%s %dx%d by %d", s.name, size[0], size[1], size[2]), func(b *testing.B) {
				rows, n := size[0], size[0]*size[2]
				measure(b, "cross_entropy_"+s.name, grid{rows}, s.moves(2*n), tiled(n), memory(rows), memory(rows), memory(rows),
					size[1], size[2], float32(1), float32(0))
			})
		}
	}
}

// moves is the work of reading or writing n activations.
func (s storage) moves(n int) work { return work{bytes: float64(n * sizes[s.kind])} }

func benchRows(b *testing.B, s storage, rows, width int) {
	n := rows * width
	_, dropout := dropping(0.1)
	b.Run("copy", func(b *testing.B) {
		measure(b, "copy_"+s.name, s.flatGrid(n), s.moves(2*n), memory(n), tiled(n), n, false)
	})
	b.Run("dropout_add", func(b *testing.B) {
		measure(b, "dropout_add_"+s.name, s.cellGrid(rows, width), s.moves(3*n),
			slices.Concat([]any{memory(n), tiled(n), tiled(n), numbers(rows), rows, width}, dropout)...)
	})
	b.Run("dropout", func(b *testing.B) {
		measure(b, "dropout_"+s.name, s.cellGrid(rows, width), s.moves(2*n),
			slices.Concat([]any{memory(n), tiled(n), numbers(rows), rows, width}, dropout, []any{false})...)
	})
	b.Run("column_partials", func(b *testing.B) {
		blocks, rowsOfBlock := RowBlocks(rows)
		measure(b, "column_partials_"+s.name, s.stripGrid(width, blocks), s.moves(n), memory(blocks*width), tiled(n), rows, width, width, rowsOfBlock)
	})
	b.Run("column_sums", func(b *testing.B) {
		blocks, _ := RowBlocks(rows)
		sums, arguments := columnSumsOf(columnSum{memory(width), memory(blocks * width), blocks, width, width, false})
		measure(b, "column_sums", sums, work{bytes: 4 * float64(blocks*width)}, arguments...)
	})
	b.Run("columns", func(b *testing.B) {
		measure(b, "columns_"+s.name, s.cellGrid(rows, width/3), s.moves(2*n/3), memory(n/3), tiled(n), rows, width, width/3, width/3, false)
	})
	b.Run("gather", func(b *testing.B) {
		index := numbers(rows / 7)
		for i := range index {
			index[i] = int32(7 * i)
		}
		picked := len(index)
		measure(b, "gather_"+s.name, s.cellGrid(picked, width), s.moves(2*picked*width), memory(picked*width), tiled(n), index, picked, width)
	})
	if s.kind == BFloat16 {
		b.Run("copy_bf16_float", func(b *testing.B) {
			measure(b, "copy_bf16_float", s.flatGrid(n), work{bytes: 6 * float64(n)}, memory(n), tiled(n), n, false)
		})
	}
}

func benchNorm(b *testing.B, s storage, rows, width int) {
	n := rows * width
	_, dropout := dropping(0.1)
	_, none := dropping(0)
	gamma, stats, number := random(1, width), tiled(2*rows), numbers(rows)
	shape := []any{rows, width, 0, float32(1e-6)}
	b.Run("norm dropout residual", func(b *testing.B) {
		measure(b, "norm_"+s.name, warpGrid(rows), s.moves(4*n),
			slices.Concat([]any{memory(n), memory(n), memory(2 * rows), tiled(n), tiled(n), number, gamma, gamma}, shape, dropout)...)
	})
	b.Run("norm alone", func(b *testing.B) {
		measure(b, "norm_"+s.name, warpGrid(rows), s.moves(2*n),
			slices.Concat([]any{memory(n), nil, memory(2 * rows), tiled(n), nil, nil, gamma, gamma}, shape, none)...)
	})
	blocks, rowsOfBlock := RowBlocks(rows)
	gradient := func(dresidual, rows any, dropout []any, add bool) ([]any, grid) {
		if s.kind == Float32 {
			return slices.Concat([]any{memory(n), dresidual, tiled(n), tiled(n), stats, rows, gamma}, shape, dropout, []any{false, add}), warpGrid(n / width)
		}
		blocks, rowsOfBlock = NormBlocks(n / width)
		return slices.Concat([]any{memory(n), dresidual, memory(2 * blocks * width), tiled(n), tiled(n), stats, rows, gamma},
			slices.Insert(slices.Clone(shape), 2, any(rowsOfBlock)), dropout, []any{false, add}), grid{blocks}
	}
	b.Run("norm gradient both", func(b *testing.B) {
		arguments, blocks := gradient(memory(n), number, dropout, false)
		measure(b, "norm_gradient_"+s.name, blocks, s.moves(4*n), arguments...)
	})
	b.Run("norm gradient added", func(b *testing.B) {
		arguments, blocks := gradient(memory(n), number, dropout, true)
		measure(b, "norm_gradient_"+s.name, blocks, s.moves(5*n), arguments...)
	})
	b.Run("norm gradient alone", func(b *testing.B) {
		arguments, blocks := gradient(nil, nil, none, false)
		measure(b, "norm_gradient_"+s.name, blocks, s.moves(3*n), arguments...)
	})
	if s.kind == Float32 {
		b.Run("norm_parameter_partials", func(b *testing.B) {
			measure(b, "norm_parameter_partials_float", s.stripGrid(width, blocks), s.moves(2*n),
				memory(blocks*2*width), tiled(n), tiled(n), stats, rows, width, rowsOfBlock, 0, float32(1e-6))
		})
	}
	b.Run("norm column_sums", func(b *testing.B) {
		sums, arguments := columnSumsOf(columnSum{memory(width), memory(2 * blocks * width), blocks, width, 2 * width, false},
			columnSum{memory(width), memory(2 * blocks * width), blocks, width, 2 * width, false})
		measure(b, "column_sums", sums, work{bytes: 8 * float64(blocks*width)}, arguments...)
	})
}

func benchActivation(b *testing.B, s storage, rows, width int) {
	n := rows * width
	blocks, rowsOfBlock := RowBlocks(rows)
	for number, name := range map[int]string{1: "gelu", 2: "gelu_fast", 4: "silu"} {
		b.Run(name, func(b *testing.B) {
			measure(b, "activation_"+s.name, s.flatGrid(n), s.moves(2*n), memory(n), tiled(n), n, number)
		})
		b.Run(name+" gradient", func(b *testing.B) {
			measure(b, "activation_gradient_"+s.name, s.stripGrid(width, blocks), s.moves(3*n),
				memory(n), memory(blocks*width), tiled(n), tiled(n), rows, width, rowsOfBlock, number)
		})
	}
	b.Run("column_sums", func(b *testing.B) {
		sums, arguments := columnSumsOf(columnSum{memory(width), memory(blocks * width), blocks, width, width, false})
		measure(b, "column_sums", sums, work{bytes: 4 * float64(blocks*width)}, arguments...)
	})
	b.Run("gated silu", func(b *testing.B) {
		measure(b, "gated_"+s.name, s.flatGrid(n), s.moves(3*n), memory(n), tiled(n), tiled(n), n, 4)
	})
	b.Run("gated silu gradient", func(b *testing.B) {
		measure(b, "gated_gradient_"+s.name, s.flatGrid(n), s.moves(5*n), memory(n), memory(n), tiled(n), tiled(n), tiled(n), n, 4, false, false)
	})
}

func benchEmbedding(b *testing.B, s storage, rows, width int) {
	n, words := rows*width, benchWords*width
	ids := numbers(rows)
	for i := range ids {
		ids[i] = ids[i] % 512 * 7919 % benchWords
	}
	var o EmbeddingOrder
	o.Sort(ids, benchWords)
	pieces, count := len(o.Pieces)-1, len(o.IDs)
	b.Run("embedding", func(b *testing.B) {
		measure(b, "embedding_"+s.name, s.cellGrid(rows, width), work{bytes: float64(n * (sizes[s.kind] + 3*4))},
			memory(n), tiled(words), tiled(words), tiled(words), nil, ids, ids, ids, nil, rows, width, float32(1))
	})
	b.Run("embedding_partials", func(b *testing.B) {
		measure(b, "embedding_partials_"+s.name, s.cellGrid(pieces, width), work{bytes: float64(n*sizes[s.kind] + 4*pieces*width)},
			memory(pieces*width), tiled(n), o.Tokens, o.Pieces, pieces, width, float32(1))
	})
	b.Run("embedding_sums", func(b *testing.B) {
		measure(b, "embedding_sums", cellGrid(count, width), work{bytes: 4 * float64((pieces+count)*width)},
			memory(words), memory(pieces*width), o.Lists, o.IDs, count, width, false)
	})
}
