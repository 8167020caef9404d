//go:build gpu

package kernels

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"uer/internal/cuda"
)

// work is what one launch does.
type work struct{ bytes, flops float64 }

// measure times launches of a kernel.
func measure(b *testing.B, name string, blocks grid, w work, arguments ...any) {
	b.Helper()
	g, err := openGPU()
	if err != nil {
		b.Fatal(err)
	}
	k, err := Find(name)
	if err != nil {
		b.Fatal(err)
	}
	passed, err := g.arguments(b, k, arguments)
	if err != nil {
		b.Fatal(err)
	}
	measurePassed(b, name, blocks, w, passed)
}

// loaded is a kernel on the GPU.
func loaded(b *testing.B, name string) (*gpu, Kernel, *cuda.Function) {
	b.Helper()
	g, err := openGPU()
	if err != nil {
		b.Fatal(err)
	}
	k, err := Find(name)
	if err != nil {
		b.Fatal(err)
	}
	f, err := g.function(k)
	if err != nil {
		b.Fatal(err)
	}
	return g, k, f
}

// measurePassed times launches with arguments that are on the GPU.
func measurePassed(b *testing.B, name string, blocks grid, w work, passed []cuda.Argument) {
	b.Helper()
	g, k, f := loaded(b, name)
	ofBlock, err := threads(k)
	if err != nil {
		b.Fatal(err)
	}
	size := cuda.Dim{1, 1, 1}
	copy(size[:], blocks)
	g.occupy(b)
	elapsed, err := g.Compute.Time(func() error {
		for range b.N {
			if err := f.Launch(g.Compute, size, cuda.Dim{ofBlock, 1, 1}, k.Shared(), passed...); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	seconds := elapsed.Seconds() / float64(b.N)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(seconds*1e6, "us")
	if w.bytes > 0 {
		b.ReportMetric(w.bytes/seconds/1e9, "GB/s")
	}
	if w.flops > 0 {
		b.ReportMetric(w.flops/seconds/1e12, "TFLOP/s")
	}
}

var occupied *cuda.Buffer

// occupy gives the GPU work for a millisecond or two, so that it waits for no launch after it.
func (g *gpu) occupy(b *testing.B) {
	b.Helper()
	var err error
	if occupied == nil {
		occupied, err = g.Allocate(4 << 30)
	}
	if err == nil {
		err = g.Compute.Fill8(occupied.At, 0, occupied.Bytes)
	}
	if err != nil {
		b.Fatal(err)
	}
}

// memory is an argument: so many elements that are zero.
type memory int

// tiled is an argument: so many normal random numbers, a million again and again.
type tiled int

const tile = 1 << 20

// sizes are the bytes of an element.
var sizes = map[Type]int{Int32: 4, Float32: 4, Float64: 8, BFloat16: 2}

// arguments makes memory for a launch.
func (g *gpu) arguments(b *testing.B, k Kernel, arguments []any) ([]cuda.Argument, error) {
	parameters, err := k.Parameters()
	if err != nil {
		return nil, err
	}
	if len(arguments) != len(parameters) {
		return nil, fmt.Errorf("%d arguments for %d parameters", len(arguments), len(parameters))
	}
	var passed []cuda.Argument
	for i, a := range arguments {
		size, kind := 0, parameters[i].Type
		var data []byte
		switch a := a.(type) {
		case nil:
			passed = append(passed, cuda.Address(0))
			continue
		case memory:
			size = int(a) * sizes[kind]
		case tiled:
			size = int(a) * sizes[kind]
			data = asBytes(map[Type]any{Float32: tileFloats(), BFloat16: tileHalves()}[kind])
		case []int32, []float32, []float64, []uint16:
			data = asBytes(a)
			size = len(data)
		default:
			argument, err := scalar(kind, a)
			if err != nil {
				return nil, err
			}
			passed = append(passed, argument)
			continue
		}
		buffer, err := g.Allocate(int64(size))
		if err != nil {
			return nil, err
		}
		b.Cleanup(func() { buffer.Close() })
		data = data[:min(size, len(data))]
		if len(data) > 0 {
			err = cuda.Upload(g.Compute, buffer.At, data)
		} else {
			err = g.Compute.Fill8(buffer.At, 0, int64(size))
		}
		if err != nil {
			return nil, err
		}
		for at := len(data); at < size && at > 0; at += len(data) {
			if err := g.Compute.Copy(buffer.At+cuda.Pointer(at), buffer.At, int64(min(len(data), size-at))); err != nil {
				return nil, err
			}
		}
		passed = append(passed, cuda.Address(buffer.At))
	}
	return passed, nil
}

var (
	tileFloats = sync.OnceValue(func() []float32 { return random(1, tile) })
	tileHalves = sync.OnceValue(func() []uint16 { return halves(tileFloats()) })
)

// requireGPU skips a benchmark on the stand-in, which has no speed.
func requireGPU(b *testing.B) {
	b.Helper()
	if !*onGPU {
		b.Skip("needs -gpu")
	}
}

// The sizes of RoBERTa base, in a batch of 32 sequences of 128 tokens, 15 % of which are predicted.
const (
	benchSequences, benchLength = 32, 128
	benchTokens                 = benchSequences * benchLength
	benchWidth, benchForward    = 768, 3072
	benchHeads                  = 12
	benchPredicted, benchWords  = 614, 21128
)

func evenStarts(sequences, length int) []int32 {
	starts := make([]int32, sequences+1)
	for i := range starts {
		starts[i] = int32(i * length)
	}
	return starts
}

func BenchmarkNorm(b *testing.B) {
	requireGPU(b)
	const n = benchTokens * benchWidth
	x, stats, rows, gamma := random(1, n), random(3, 2*benchTokens), numbers(benchTokens), random(1, benchWidth)
	_, dropout := dropping(0.1)
	shape := []any{benchTokens, benchWidth, 0, float32(1e-6)}
	b.Run("forward", func(b *testing.B) {
		measure(b, "norm_float", warpGrid(benchTokens), work{bytes: 4 * 4 * n},
			slices.Concat([]any{memory(n), memory(n), memory(2 * benchTokens), x, x, rows, gamma, gamma}, shape, dropout)...)
	})
	b.Run("gradient", func(b *testing.B) {
		measure(b, "norm_gradient_float", warpGrid(benchTokens), work{bytes: 4 * 4 * n},
			slices.Concat([]any{memory(n), memory(n), x, x, stats, rows, gamma}, shape, dropout, []any{false, false})...)
	})
	b.Run("gradient of the parameters", func(b *testing.B) {
		blocks, rowsOfBlock := RowBlocks(benchTokens)
		measure(b, "norm_parameter_partials_float", stripGrid(benchWidth, blocks), work{bytes: 4 * 2 * n},
			memory(blocks*2*benchWidth), x, x, stats, benchTokens, benchWidth, rowsOfBlock, 0, float32(1e-6))
	})
}

func BenchmarkActivation(b *testing.B) {
	requireGPU(b)
	const n, gelu = benchTokens * benchForward, 1
	x := random(1, n)
	blocks, rowsOfBlock := RowBlocks(benchTokens)
	b.Run("forward", func(b *testing.B) {
		measure(b, "activation_float", flatGrid(n), work{bytes: 4 * 2 * n}, memory(n), x, n, gelu)
	})
	b.Run("gradient", func(b *testing.B) {
		measure(b, "activation_gradient_float", stripGrid(benchForward, blocks), work{bytes: 4 * 3 * n},
			memory(n), memory(blocks*benchForward), x, x, benchTokens, benchForward, rowsOfBlock, gelu)
	})
	b.Run("sums", func(b *testing.B) {
		sums, arguments := columnSumsOf(columnSum{memory(benchForward), memory(blocks * benchForward), blocks, benchForward, benchForward, false})
		measure(b, "column_sums", sums, work{bytes: 4 * float64(blocks*benchForward)}, arguments...)
	})
}

func BenchmarkAttention(b *testing.B) {
	requireGPU(b)
	for _, length := range []int{128, 512} {
		tokens := benchSequences * length
		n, rows, starts := tokens*benchWidth, tokens*benchHeads, evenStarts(benchSequences, length)
		q, k, v := random(1, n), random(2, n), random(3, n)
		_, dropout := dropping(0.1)
		heads := slices.Concat([]any{starts, starts, numbers(tokens), nil, nil, nil},
			[]any{benchHeads, benchWidth / benchHeads, length, float32(0.125)}, dropout, []any{false})
		inputs := []any{q, memory(rows), memory(rows), q, k, v}
		blocks := grid{ceilDivide(length, 32), benchHeads, benchSequences}
		product := 2 * float64(n) * float64(length) // operations of one product
		b.Run(fmt.Sprint(length, " tokens, forward"), func(b *testing.B) {
			measure(b, "attention_float", blocks, work{flops: 2 * product},
				slices.Concat([]any{memory(n), memory(rows), q, k, v}, heads)...)
		})
		b.Run(fmt.Sprint(length, " tokens, gradient of queries"), func(b *testing.B) {
			measure(b, "attention_queries_float", blocks, work{flops: 3 * product},
				slices.Concat([]any{memory(n)}, inputs, heads, []any{false})...)
		})
		b.Run(fmt.Sprint(length, " tokens, gradient of keys"), func(b *testing.B) {
			measure(b, "attention_keys_float", blocks, work{flops: 4 * product},
				slices.Concat([]any{memory(n), memory(n)}, inputs, heads, []any{false, false})...)
		})
	}
}

func BenchmarkUpdate(b *testing.B) {
	requireGPU(b)
	const n = 100 << 20
	for _, half := range []any{nil, memory(n)} {
		b.Run(fmt.Sprint("bf16 too: ", half != nil), func(b *testing.B) {
			bytes := 4 * 7 * n
			if half != nil {
				bytes += 2 * n
			}
			measure(b, "adamw", flatGrid(n), work{bytes: float64(bytes)}, memory(n), memory(n), memory(n), half, memory(n), allDecay(n), []float64{1}, []float32{0},
				n, float32(0.9), float32(0.1), float32(0.999), float32(0.001), float32(1e-6), float32(1e-4), float32(1e-6))
		})
	}
}

func BenchmarkEmbedding(b *testing.B) {
	requireGPU(b)
	const n, words = benchTokens * benchWidth, benchWords * benchWidth
	ids := numbers(benchTokens)
	for i := range ids {
		ids[i] = ids[i] * 7919 % benchWords
	}
	var o EmbeddingOrder
	o.Sort(ids, benchWords)
	pieces, count := len(o.Pieces)-1, len(o.IDs)
	b.Run("forward", func(b *testing.B) {
		measure(b, "embedding_float", cellGrid(benchTokens, benchWidth), work{bytes: 4 * 4 * n},
			memory(n), memory(words), memory(words), memory(words), nil, ids, ids, ids, nil, benchTokens, benchWidth, float32(1))
	})
	b.Run("gradient", func(b *testing.B) {
		measure(b, "embedding_partials_float", cellGrid(pieces, benchWidth), work{bytes: 4 * (n + float64(pieces*benchWidth))},
			memory(pieces*benchWidth), random(1, n), o.Tokens, o.Pieces, pieces, benchWidth, float32(1))
	})
	b.Run("sums", func(b *testing.B) {
		measure(b, "embedding_sums", cellGrid(count, benchWidth), work{bytes: 4 * float64((pieces+count)*benchWidth)},
			memory(words), memory(pieces*benchWidth), o.Lists, o.IDs, count, benchWidth, false)
	})
}

// BenchmarkRecurrent times whole layers of 128 steps, and gives the time of a step.
func BenchmarkRecurrent(b *testing.B) {
	requireGPU(b)
	for _, c := range []struct {
		cell               string
		bfloat16           bool
		hidden, directions int
		sequences          []int
	}{
		{"lstm", true, 512, 1, []int{32, 64, 256}}, {"lstm", true, 1024, 1, []int{32, 64, 256}}, {"lstm", true, 768, 2, []int{32, 64, 256}},
		{"gru", true, 512, 1, []int{32, 64, 256}}, {"gru", true, 1024, 1, []int{32}}, {"tanh", true, 512, 1, []int{32}},
		{"lstm", false, 512, 1, []int{32, 64, 256}}, {"lstm", false, 768, 2, []int{32}}, {"gru", false, 512, 1, []int{32}},
	} {
		for _, sequences := range c.sequences {
			for _, steps := range []bool{false, true} {
				if steps && sequences > 32 {
					continue
				}
				l := benchLayer{cell: c.cell, bfloat16: c.bfloat16, hidden: c.hidden, directions: c.directions, steps: steps}
				l.starts = evenStarts(sequences, benchLength)
				l.order.Sort(l.starts)
				name := fmt.Sprintf("%s bf16=%v %dx%d batch %d", c.cell, c.bfloat16, c.directions, c.hidden, sequences)
				if steps {
					name += " by steps"
				}
				b.Run(name, func(b *testing.B) { l.measure(b, "") })
				b.Run(name+" gradient", func(b *testing.B) { l.measure(b, "_gradient") })
			}
		}
	}
}

// benchLayer is a layer to be timed.
type benchLayer struct {
	cell               string
	bfloat16, steps    bool
	hidden, directions int
	starts             []int32
	order              SequenceOrder
}

func (l *benchLayer) measure(b *testing.B, stem string) {
	tile, name := RecurrentFloat, "recurrent_"+l.cell+stem+"_float"
	if l.bfloat16 {
		tile, name = RecurrentBFloat16, RecurrentKernel(l.cell+stem, l.hidden)
	}
	g, k, f := loaded(b, name)
	most := 0
	if !l.steps {
		together, err := f.MostTogether(k.Threads, 0)
		if err != nil {
			b.Fatal(err)
		}
		most = together
	}
	tokens, cells := int(l.starts[len(l.starts)-1]), map[string]int{"tanh": 1, "gru": 3, "lstm": 4}[l.cell]
	y, gates, weight := memory(tokens*l.directions*l.hidden), memory(tokens*l.directions*l.hidden*cells), memory(cells*l.hidden*l.hidden)
	const counters = 4096
	bias := memory(cells * l.hidden)
	var arguments []any
	switch l.cell + stem {
	case "tanh":
		arguments = []any{y, gates, memory(counters), weight, weight, bias, bias, bias, bias}
	case "lstm":
		arguments = []any{y, gates, y, memory(counters), weight, weight, bias, bias, bias, bias}
	case "gru":
		arguments = []any{y, gates, y, y, memory(counters), weight, weight, bias, bias, bias, bias}
	case "tanh_gradient":
		arguments = []any{gates, memory(counters), y, y, weight, weight}
	case "lstm_gradient":
		arguments = []any{gates, y, memory(counters), y, gates, y, weight, weight}
	case "gru_gradient":
		arguments = []any{gates, y, y, memory(counters), y, y, gates, y, weight, weight}
	}
	arguments = append(arguments, l.starts, l.order.Sequences, 0, len(l.starts)-1, tokens, l.hidden, l.directions, 0, 0, 0)
	passed, err := g.arguments(b, k, arguments)
	if err != nil {
		b.Fatal(err)
	}
	arrived, err := g.Allocate(4 * counters)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { arrived.Close() })
	passed[slices.Index(arguments, any(memory(counters)))] = cuda.Address(arrived.At)
	scalars, launches := passed[len(passed)-8:], 0
	run := func() error {
		for p := range RecurrentLaunches(&l.order, tile, l.hidden, l.directions, most, stem != "") {
			scalars[0], scalars[5], scalars[6], scalars[7] = cuda.Int32(p.Rows), cuda.Int32(p.Direction), cuda.Int32(p.Begin), cuda.Int32(p.End)
			launch := f.Launch
			if p.Together {
				launch = f.LaunchTogether
				if err := g.Compute.Fill32(arrived.At, 0, int64(l.directions*p.Grid[1])); err != nil {
					return err
				}
			}
			if err := launch(g.Compute, p.Grid, cuda.Dim{k.Threads, 1, 1}, 0, passed...); err != nil {
				return err
			}
			launches++
		}
		return nil
	}
	elapsed := timed(b, g, run)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(elapsed.Seconds()*1e6/float64(b.N)/benchLength, "us/step")
	b.ReportMetric(float64(launches)/float64(b.N+1), "launches")
}

// timed is how long the GPU takes for b.N turns of what `begin` begins, after one that does not count.
func timed(b *testing.B, g *gpu, begin func() error) time.Duration {
	b.Helper()
	if err := begin(); err != nil {
		b.Fatal(err)
	}
	elapsed, err := g.Compute.Time(func() error {
		for range b.N {
			if err := begin(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	return elapsed
}

func BenchmarkProduct(b *testing.B) {
	requireGPU(b)
	const m, n, k = benchTokens, benchForward, benchWidth
	measure(b, "product_float", grid{n / 64, m / 64}, work{flops: 2 * m * n * k},
		memory(m*n), random(1, m*k), random(2, n*k), nil, m, n, k, n, k, k, false, true, false)
}

// BenchmarkConvolution has the sizes of a layer of gatedcnn_9.
func BenchmarkConvolution(b *testing.B) {
	requireGPU(b)
	const width, stride, taps, sequences = 807, 808, 4, benchSequences
	const window, sums, cells = taps * stride, 2 * stride, benchTokens * width
	starts, bias := evenStarts(sequences, benchLength), memory(width)
	wide := func(rows, width int) grid { return grid{ceilDivide(rows*ceilDivide(width, 8), 256)} }
	tall := func(width, rows int) grid { return grid{ceilDivide(width, 256), rows} }
	b.Run("windows", func(b *testing.B) {
		measure(b, "convolution_windows_bf16", wide(benchTokens, window), work{bytes: 2 * (cells + benchTokens*window)},
			memory(benchTokens*window), memory(cells), starts, sequences, benchTokens, width, stride, taps)
	})
	b.Run("windows gradient", func(b *testing.B) {
		measure(b, "convolution_windows_gradient_bf16", tall(width, benchTokens/8), work{bytes: 2 * (cells + benchTokens*window)},
			memory(cells), memory(benchTokens*window), starts, sequences, benchTokens, width, stride, taps, false)
	})
	b.Run("gate", func(b *testing.B) {
		measure(b, "convolution_gate_bf16", tall(width, benchTokens/8), work{bytes: 2 * 3 * cells},
			memory(cells), memory(benchTokens*sums), bias, bias, bias, bias, benchTokens, width, stride)
	})
	b.Run("gate gradient", func(b *testing.B) {
		measure(b, "convolution_gate_gradient_bf16", tall(stride, benchTokens/8), work{bytes: 2 * 5 * cells},
			memory(benchTokens*sums), memory(cells), memory(benchTokens*sums), bias, bias, bias, bias, benchTokens, width, stride)
	})
	for _, last := range []bool{false, true} {
		b.Run(fmt.Sprint("weights, taps last ", last), func(b *testing.B) {
			measure(b, "convolution_weights_bf16", wide(sums, window), work{bytes: 2 * 2 * sums * window},
				memory(sums*window), memory(width*taps*width), memory(width*taps*width), width, stride, width, stride, taps, last)
		})
		b.Run(fmt.Sprint("weights gradient, taps last ", last), func(b *testing.B) {
			measure(b, "convolution_weights_gradient", tall(taps*width, 2*width), work{bytes: 4 * 3 * sums * window},
				memory(width*taps*width), memory(width*taps*width), memory(sums*window), width, stride, width, stride, taps, last, true, true)
		})
	}
}
