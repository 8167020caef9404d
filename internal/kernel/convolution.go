package kernel

import "uer/internal/kernel/routine"

// GatedConvolution is a causal gated convolution over a ragged batch (Dauphin et al., "Language Modeling with Gated
// Convolutional Networks", 2017): sequence s owns the tokens Starts[s] to Starts[s+1], and with x zero before the first one,
//
//	a_t = Σ_k W[k] x_{t-(Taps-1)+k} + Bias + SecondBias     W[k] is [output, input]
//	y_t = a_t σ(g_t)                                        g as a, with the weights of the gate
//
// Both convolutions are one product: of windows, the Taps rows that a token depends on, and the weights of both.
type GatedConvolution struct {
	Input, Output, Taps int
	Starts              []int32 // [sequences+1] offsets into the tokens
	// TapsLast says that weights are [output, input, taps], as those of PyTorch where the channels are the input;
	// otherwise they are [output, taps, input].
	TapsLast          bool
	Convolution, Gate Filter
	Precision         Precision // of the factors of the products
}

// Filter holds the parameters of one of the two convolutions.
type Filter struct {
	Weight           []float32
	Bias, SecondBias []float32 // [output]
}

// GatedConvolutionGradients says where the gradients go, and which of them are added to what is there.
type GatedConvolutionGradients struct {
	X                 []float32 // [tokens, input]; nil if not wanted
	AccumulateX       bool
	Convolution, Gate FilterGradients
}

// FilterGradients are the gradients of a Filter.
type FilterGradients struct {
	Filter
	Accumulate struct{ Weight, Bias, SecondBias bool }
}

// GatedConvolutionForward computes y [tokens, output] from x [tokens, input], and saved, which has
// GatedConvolutionSaved(g, tokens) elements, for GatedConvolutionBackward.
func (c *CPU) GatedConvolutionForward(g *GatedConvolution, y, saved, x, scratch []float32) {
	g.check(y, saved, x)
	tokens, width := g.tokens(), 2*g.Output
	if tokens == 0 {
		return
	}
	bias := take(&scratch, width)
	for i, filter := range []*Filter{&g.Convolution, &g.Gate} {
		sum := bias[i*g.Output : (i+1)*g.Output]
		copy(sum, filter.Bias)
		addTo(sum, filter.SecondBias, true)
	}
	m := c.matmulIn(g.Precision)
	p := windowProduct{
		cpu: c, matmul: m, depth: g.window(), block: evenShare(g.window(), maxDepth*m.Slot, 2*g.Taps),
		windows: factorA(m, tokens, true, func(to []float32, token, tokens, start, size int) {
			g.gatherWindows(c, to, x, token, tokens, start, size)
		}),
		windowsAreA: true,
		others:      []windowTerm{{windowFactor: factorB(m, width, true, g.gatherWeights), c: saved, leading: width, bias: bias}},
		done: func(token, tokens int) {
			for t := token; t < token+tokens; t++ {
				a, gate := saved[t*width:][:g.Output], saved[t*width+g.Output:][:g.Output]
				c.table.GatedForward(routine.GatedForward{
					Activation: Sigmoid, Y: y[t*g.Output : (t+1)*g.Output], Gate: gate, X: a,
				})
			}
		},
	}
	p.run()
}

// GatedConvolutionBackward computes the gradients of x and the parameters from dy, that of y.
func (c *CPU) GatedConvolutionBackward(g *GatedConvolution, to *GatedConvolutionGradients, dy, saved, x, scratch []float32) {
	g.check(dy, saved, x)
	tokens, width := g.tokens(), 2*g.Output
	dsums := take(&scratch, tokens*width) // [tokens, 2 output]: of the convolution and the gate
	c.overRows(tokens, width, func(first, last int) {
		for t := first; t < last; t++ {
			sums, d := saved[t*width:(t+1)*width], dsums[t*width:(t+1)*width]
			c.table.GatedBackward(routine.GatedBackward{
				Activation: Sigmoid, DGate: d[g.Output:], DX: d[:g.Output], DY: dy[t*g.Output : (t+1)*g.Output],
				Gate: sums[g.Output:], X: sums[:g.Output],
			})
		}
	})
	sum := take(&scratch, width)
	c.ColumnSum(sum, dsums, width, scratch, false)
	for i, filter := range []*FilterGradients{&to.Convolution, &to.Gate} {
		sum := sum[i*g.Output : (i+1)*g.Output]
		addTo(filter.Bias, sum, filter.Accumulate.Bias)
		addTo(filter.SecondBias, sum, filter.Accumulate.SecondBias)
	}
	g.weightGradients(c, to, dsums, x)
	if to.X != nil {
		g.inputGradient(c, to, dsums)
	}
}

// weightGradients computes the gradients of the weights from those of the sums: K is the tokens.
func (g *GatedConvolution) weightGradients(c *CPU, to *GatedConvolutionGradients, dsums, x []float32) {
	m := c.matmulIn(g.Precision)
	p := windowProduct{
		cpu: c, matmul: m, depth: g.tokens(), block: blockDepth(m, g.tokens()),
		windows: factorB(m, g.window(), false, func(to []float32, element, elements, token, tokens int) {
			g.gatherWindows(c, to, x, token, tokens, element, elements)
		}),
		multiple: m.Columns,
	}
	for p.multiple%g.Taps > 0 { // a tile has all taps of an input
		p.multiple += m.Columns
	}
	for i, filter := range []*FilterGradients{&to.Convolution, &to.Gate} {
		p.others = append(p.others, windowTerm{
			windowFactor: factorA(m, g.Output, false, func(to []float32, output, outputs, token, tokens int) {
				g.gatherSums(to, dsums, i, output, outputs, token, tokens)
			}),
			c: filter.Weight, leading: g.window(), accumulate: filter.Accumulate.Weight,
		})
	}
	p.run()
}

// inputGradient computes the gradient of x. It sums over the tokens that depend on one, and for each over the outputs of
// both filters. A block of K holds all taps of some outputs.
func (g *GatedConvolution) inputGradient(c *CPU, to *GatedConvolutionGradients, dsums []float32) {
	m := c.matmulIn(g.Precision)
	p := windowProduct{
		cpu: c, matmul: m, depth: 2 * g.Output * g.Taps, block: g.Taps * evenShare(2*g.Output, maxDepth*m.Slot/g.Taps, 2),
		windows: factorA(m, g.tokens(), true, func(to []float32, token, tokens, start, size int) {
			g.gatherLater(to, dsums, token, tokens, start, size)
		}),
		windowsAreA: true,
		others: []windowTerm{{
			windowFactor: factorB(m, g.Input, false, func(to []float32, input, inputs, start, size int) {
				g.gatherTaps(c, to, start/g.Taps, size/g.Taps, input, inputs)
			}),
			c: to.X, leading: g.Input, accumulate: to.AccumulateX,
		}},
	}
	p.run()
}

// tokens is the number of rows of x.
func (g *GatedConvolution) tokens() int { return int(g.Starts[len(g.Starts)-1]) }

// window is the number of elements that a token depends on.
func (g *GatedConvolution) window() int { return g.Taps * g.Input }

// GatedConvolutionSaved is the number of elements that GatedConvolutionForward saves.
func GatedConvolutionSaved(g *GatedConvolution, tokens int) int { return 2 * tokens * g.Output }

// GatedConvolutionScratch is the length of the scratch of GatedConvolutionForward or GatedConvolutionBackward, for at
// most the given number of tokens.
func GatedConvolutionScratch(g *GatedConvolution, tokens int, backward bool) int {
	width := 2 * g.Output
	if !backward {
		return takes(width)
	}
	return takes(tokens*width, width, ColumnSumScratch(tokens, width))
}

// check panics if the operands do not fit each other.
func (g *GatedConvolution) check(y, saved, x []float32) {
	tokens := g.tokens()
	requireLength("x", len(x), tokens*g.Input)
	requireLength("y", len(y), tokens*g.Output)
	requireAtLeast("saved", saved, GatedConvolutionSaved(g, tokens))
	for _, filter := range []Filter{g.Convolution, g.Gate} {
		requireLength("weight", len(filter.Weight), g.Output*g.Input*g.Taps)
		requireLength("bias", len(filter.Bias), g.Output)
		requireLength("second bias", len(filter.SecondBias), g.Output)
	}
}
