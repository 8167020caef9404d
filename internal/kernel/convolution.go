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

	X       Array     // [tokens, input]
	Y       Array     // [tokens, output]
	Saved   Array     // GatedConvolutionSaved elements, for the gradient; stored as X and Y are
	Scratch []float32 // ScratchSize elements
}

// Filter holds the parameters of one of the two convolutions.
type Filter struct {
	Weight           []float32
	Bias, SecondBias []float32 // [output]
}

// GatedConvolutionGradient is the gradients of a GatedConvolution whose Saved has been computed, given that of Y.
type GatedConvolutionGradient struct {
	GatedConvolution
	DY                  Array  // [tokens, output]
	DX                  Output // [tokens, input]
	DConvolution, DGate FilterGradient
}

// FilterGradient is the gradients of a Filter. All are wanted.
type FilterGradient struct{ Weight, Bias, SecondBias Output }

// GatedConvolutionForward computes Y and Saved.
func (c *CPU) GatedConvolutionForward(g *GatedConvolution) {
	g.check()
	requireLength("Y", g.Y.Len(), g.tokens()*g.Output)
	requireStored("Y", g.Y, g.X)
	requireScratch(g.Scratch, g.ScratchSize())
	tokens, width := g.tokens(), 2*g.Output
	if tokens == 0 {
		return
	}
	scratch := g.Scratch
	bias := take(&scratch, width)
	for i, filter := range []*Filter{&g.Convolution, &g.Gate} {
		sum := bias[i*g.Output : (i+1)*g.Output]
		copy(sum, filter.Bias)
		addTo(sum, filter.SecondBias)
	}
	m := &c.table.Matmul[g.Precision]
	p := windowProduct{
		cpu: c, matmul: m, depth: g.window(), blockDepth: evenShare(g.window(), m.MaxDepth, 2*g.Taps),
		windows:     factorA(m, tokens, true, g.gatherWindows),
		windowsAreA: true,
		others: []windowTerm{{
			windowFactor: factorB(m, width, true, g.gatherWeights), to: Output{To: g.Saved.Slice(0, tokens*width)}, leading: width, bias: bias,
		}},
		done: func(s *stage, sums []float32, token, tokens int) { // [tokens, 2 output]
			for used := s.used; tokens > 0; token, tokens, sums = token+1, tokens-1, sums[width:] {
				y := g.Y.Slice(token*g.Output, (token+1)*g.Output)
				to := s.place(y)
				c.table.GatedForward(routine.GatedForward{
					Activation: Sigmoid, Y: Floats(to), Gate: Floats(sums[g.Output:width]), X: Floats(sums[:g.Output]),
				})
				s.store(y, to)
				s.used = used
			}
		},
	}
	p.run()
}

// GatedConvolutionBackward computes the outputs of a GatedConvolutionGradient.
func (c *CPU) GatedConvolutionBackward(g *GatedConvolutionGradient) {
	g.check()
	requireLength("DY", g.DY.Len(), g.tokens()*g.Output)
	requireStored("DY", g.DY, g.X)
	requireScratch(g.Scratch, g.ScratchSize())
	scratch, tokens, width := g.Scratch, g.tokens(), 2*g.Output
	dsums := take(&scratch, tokens*width) // [tokens, 2 output]: of the convolution and the gate
	c.overStaged(tokens, width, func(s *stage, first, last int) {
		for t := first; t < last; t++ {
			s.used = 0
			sums, d := s.read(g.Saved.Slice(t*width, (t+1)*width)), dsums[t*width:(t+1)*width]
			c.table.GatedBackward(routine.GatedBackward{
				Activation: Sigmoid, DGate: Floats(d[g.Output:]), DX: Floats(d[:g.Output]),
				DY:   Floats(s.read(g.DY.Slice(t*g.Output, (t+1)*g.Output))),
				Gate: Floats(sums[g.Output:]), X: Floats(sums[:g.Output]),
			})
		}
	})
	sum := take(&scratch, width)
	c.ColumnSum(sum, Floats(dsums), width, scratch, false)
	for i, filter := range g.filters() {
		sum := sum[i*g.Output : (i+1)*g.Output]
		put(filter.Bias, sum)
		put(filter.SecondBias, sum)
	}
	g.weightGradients(c, dsums)
	if g.DX.To.Present() {
		g.inputGradient(c, dsums)
	}
}

func (g *GatedConvolutionGradient) filters() [2]*FilterGradient {
	return [2]*FilterGradient{&g.DConvolution, &g.DGate}
}

// weightGradients computes the gradients of the weights from those of the sums. K is the tokens.
func (g *GatedConvolutionGradient) weightGradients(c *CPU, dsums []float32) {
	m := &c.table.Matmul[g.Precision]
	p := windowProduct{
		cpu: c, matmul: m, depth: g.tokens(), blockDepth: blockDepth(m, g.tokens()),
		windows: factorB(m, g.window(), false, func(s *stage, to []float32, element, elements, token, tokens int) {
			g.gatherWindows(s, to, token, tokens, element, elements)
		}),
		multiple: m.Columns,
	}
	for p.multiple%g.Taps > 0 { // a tile has all taps of an input
		p.multiple += m.Columns
	}
	for i, filter := range g.filters() {
		p.others = append(p.others, windowTerm{
			windowFactor: factorA(m, g.Output, false, func(_ *stage, to []float32, output, outputs, token, tokens int) {
				g.gatherSums(to, dsums, i, output, outputs, token, tokens)
			}),
			to: filter.Weight, leading: g.window(),
		})
	}
	p.run()
}

// inputGradient computes the gradient of X: for each token the sum over the tokens that depend on it and over the outputs of
// both filters. A block of K holds all taps of some outputs.
func (g *GatedConvolutionGradient) inputGradient(c *CPU, dsums []float32) {
	m := &c.table.Matmul[g.Precision]
	p := windowProduct{
		cpu: c, matmul: m, depth: 2 * g.Output * g.Taps, blockDepth: g.Taps * evenShare(2*g.Output, m.MaxDepth/g.Taps, 2),
		windows: factorA(m, g.tokens(), true, func(_ *stage, to []float32, token, tokens, start, size int) {
			g.gatherLater(to, dsums, token, tokens, start, size)
		}),
		windowsAreA: true,
		others: []windowTerm{{
			windowFactor: factorB(m, g.Input, false, func(s *stage, to []float32, input, inputs, start, size int) {
				g.gatherTaps(s, to, start/g.Taps, size/g.Taps, input, inputs)
			}),
			to: g.DX, leading: g.Input,
		}},
	}
	p.run()
}

// tokens is the number of rows of X.
func (g *GatedConvolution) tokens() int { return int(g.Starts[len(g.Starts)-1]) }

// window is the number of elements that a token depends on.
func (g *GatedConvolution) window() int { return g.Taps * g.Input }

// GatedConvolutionSaved is the number of elements that GatedConvolutionForward saves.
func GatedConvolutionSaved(g *GatedConvolution, tokens int) int { return 2 * tokens * g.Output }

// ScratchSize is the length of Scratch.
func (g *GatedConvolution) ScratchSize() int { return takes(2 * g.Output) }

// ScratchSize is the length of Scratch.
func (g *GatedConvolutionGradient) ScratchSize() int {
	tokens, width := g.tokens(), 2*g.Output
	return takes(tokens*width, width) + ColumnSumScratch(tokens, width)
}

// check panics if the operands that both directions read do not fit each other.
func (g *GatedConvolution) check() {
	requireLength("X", g.X.Len(), g.tokens()*g.Input)
	requireAtLeast("Saved", g.Saved.Len(), GatedConvolutionSaved(g, g.tokens()))
	requireStored("Saved", g.Saved, g.X)
	for _, filter := range []*Filter{&g.Convolution, &g.Gate} {
		requireLength("Weight", len(filter.Weight), g.Output*g.Input*g.Taps)
		requireLength("Bias", len(filter.Bias), g.Output)
		requireLength("SecondBias", len(filter.SecondBias), g.Output)
	}
}

func (g *GatedConvolutionGradient) check() {
	g.GatedConvolution.check()
	requireOptionalLike("DX", g.DX.To, g.X)
	for _, filter := range g.filters() {
		requireLength("gradient of Weight", filter.Weight.To.Len(), g.Output*g.Input*g.Taps)
		requireLength("gradient of Bias", filter.Bias.To.Len(), g.Output)
		requireLength("gradient of SecondBias", filter.SecondBias.To.Len(), g.Output)
	}
}
