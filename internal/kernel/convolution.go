package kernel

// GatedConvolution is a causal gated convolution over a ragged batch (Dauphin et al., "Language Modeling with Gated
// Convolutional Networks", 2017): sequence s owns the tokens Starts[s] to Starts[s+1], and with x zero before the first one,
//
//	a_t = Σ_k W[k] x_{t-(Taps-1)+k} + Bias + SecondBias     W[k] is [output, input]
//	y_t = a_t σ(g_t)                                        g as a, with the weights of the gate
//
// The products are taken over a layout with Taps-1 zero rows before each sequence. There the Taps rows that a token depends
// on are adjacent, and so are one row of a matrix whose rows overlap: all taps and tokens are one product.
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
// GatedConvolutionSaved(g, tokens, sequences) elements, for GatedConvolutionBackward.
func (c *CPU) GatedConvolutionForward(g *GatedConvolution, y, saved, x, scratch []float32) {
	g.check(y, saved, x)
	rows := g.rows()
	if rows == 0 {
		return
	}
	spread := g.spreadInput(c, &scratch, x)
	bias := take(&scratch, g.Output)
	a, gate := saved[:rows*g.Output], saved[rows*g.Output:]
	for i, sums := range [][]float32{a, gate} {
		filter := [...]*Filter{&g.Convolution, &g.Gate}[i]
		copy(bias, filter.Bias)
		addTo(bias, filter.SecondBias, true)
		weight := g.tapsFirst(c, scratch, filter.Weight)
		c.MatMul(&Product{Precision: g.Precision, M: rows, N: g.Output, K: g.Taps * g.Input, A: spread, LDA: g.Input,
			B: weight, TransposeB: true, C: sums, Bias: bias})
	}
	c.overSequences(g.Starts, func(sequence, first, last int) {
		to, from := part(y, first*g.Output, last*g.Output), g.spreadRow(sequence, first)*g.Output
		c.routines.rows.gatedForward(Sigmoid, to, gate[from:from+len(to)], a[from:from+len(to)])
	})
}

// GatedConvolutionBackward computes the gradients of x and the parameters from dy, that of y.
func (c *CPU) GatedConvolutionBackward(g *GatedConvolution, to *GatedConvolutionGradients, dy, saved, x, scratch []float32) {
	g.check(dy, saved, x)
	rows, margin := g.rows(), (g.Taps-1)*g.Output
	a, gate := saved[:rows*g.Output], saved[rows*g.Output:]
	da, dgate := take(&scratch, rows*g.Output+margin), take(&scratch, rows*g.Output+margin) // zero rows after the last sequence
	g.clearGaps(da)
	g.clearGaps(dgate)
	c.overSequences(g.Starts, func(sequence, first, last int) {
		i, n := g.spreadRow(sequence, first)*g.Output, (last-first)*g.Output
		c.routines.rows.gatedBackward(Sigmoid, dgate[i:i+n], da[i:i+n], part(dy, first*g.Output, last*g.Output), gate[i:i+n], a[i:i+n])
	})
	g.parameterGradients(c, to, da, dgate, x, scratch)
	if to.X != nil {
		g.inputGradient(c, to, da, dgate, scratch)
	}
}

// parameterGradients computes the gradients of the filters from those of their sums.
func (g *GatedConvolution) parameterGradients(c *CPU, to *GatedConvolutionGradients, da, dgate, x, scratch []float32) {
	rows := g.rows()
	spread := g.spreadInput(c, &scratch, x)
	sum := take(&scratch, g.Output)
	for i, d := range [][]float32{da, dgate} {
		filter := [...]*FilterGradients{&to.Convolution, &to.Gate}[i]
		c.ColumnSum(sum, d[:rows*g.Output], g.Output, scratch, false)
		addTo(filter.Bias, sum, filter.Accumulate.Bias)
		addTo(filter.SecondBias, sum, filter.Accumulate.SecondBias)

		weight, accumulate := filter.Weight, filter.Accumulate.Weight
		if g.TapsLast {
			weight, accumulate = scratch[:len(filter.Weight)], false
		}
		c.MatMul(&Product{Precision: g.Precision, M: g.Output, N: g.Taps * g.Input, K: rows, A: d, LDA: g.Output, TransposeA: true,
			B: spread, LDB: g.Input, C: weight, Accumulate: accumulate})
		if g.TapsLast {
			g.reorder(c, filter.Weight, weight, g.Taps, g.Input, filter.Accumulate.Weight)
		}
	}
}

// inputGradient computes the gradient of x: a convolution of those of the sums with the taps from the last to the first.
func (g *GatedConvolution) inputGradient(c *CPU, to *GatedConvolutionGradients, da, dgate, scratch []float32) {
	rows := g.rows()
	dx := take(&scratch, rows*g.Input)
	reversed := scratch[:len(g.Convolution.Weight)]
	for i, d := range [][]float32{da, dgate} {
		g.reverse(c, reversed, [...][]float32{g.Convolution.Weight, g.Gate.Weight}[i])
		c.MatMul(&Product{Precision: g.Precision, M: rows, N: g.Input, K: g.Taps * g.Output, A: d, LDA: g.Output, B: reversed, C: dx, Accumulate: i > 0})
	}
	c.overSequences(g.Starts, func(sequence, first, last int) {
		from := g.spreadRow(sequence, first) * g.Input
		addTo(to.X[first*g.Input:last*g.Input], dx[from:], to.AccumulateX)
	})
}

// rows is the number of rows from the first token to the last, with Taps-1 rows between two sequences.
func (g *GatedConvolution) rows() int {
	sequences := len(g.Starts) - 1
	return int(g.Starts[sequences]) + max(0, sequences-1)*(g.Taps-1)
}

// spreadRow is the row of a token.
func (g *GatedConvolution) spreadRow(sequence, token int) int { return token + sequence*(g.Taps-1) }

// spreadInput lays x out with zeros before each sequence: row i of the result is row i-(Taps-1).
func (g *GatedConvolution) spreadInput(c *CPU, scratch *[]float32, x []float32) []float32 {
	margin := (g.Taps - 1) * g.Input
	spread := take(scratch, g.rows()*g.Input+margin)
	for sequence := range len(g.Starts) - 1 {
		clear(spread[g.spreadRow(sequence, int(g.Starts[sequence]))*g.Input:][:margin])
	}
	c.overSequences(g.Starts, func(sequence, first, last int) {
		copy(spread[g.spreadRow(sequence, first)*g.Input+margin:], x[first*g.Input:last*g.Input])
	})
	return spread
}

// clearGaps zeroes the rows after each sequence.
func (g *GatedConvolution) clearGaps(d []float32) {
	for sequence := range len(g.Starts) - 1 {
		clear(d[g.spreadRow(sequence, int(g.Starts[sequence+1]))*g.Output:][:(g.Taps-1)*g.Output])
	}
}

// tapsFirst gives the weights as [output, taps, input], in scratch memory if that is not how they are.
func (g *GatedConvolution) tapsFirst(c *CPU, scratch, weight []float32) []float32 {
	if !g.TapsLast {
		return weight
	}
	reordered := scratch[:len(weight)]
	g.reorder(c, reordered, weight, g.Input, g.Taps, false)
	return reordered
}

// reorder writes or adds weights [output, n, m] as [output, m, n].
func (g *GatedConvolution) reorder(c *CPU, to, from []float32, n, m int, accumulate bool) {
	c.parallel(g.Output, func(output int) {
		to, from := to[output*n*m:(output+1)*n*m], from[output*n*m:(output+1)*n*m]
		for i := range m {
			row := to[i*n : (i+1)*n]
			for j := range row {
				v := from[j*m+i]
				if accumulate {
					v += row[j]
				}
				row[j] = v
			}
		}
	})
}

// reverse lays the weights out as [taps, output, input], the last tap first.
func (g *GatedConvolution) reverse(c *CPU, reversed, weight []float32) {
	between, of := g.Input, 1 // distances of taps and of inputs
	if g.TapsLast {
		between, of = 1, g.Taps
	}
	c.parallel(g.Output, func(output int) {
		from := weight[output*g.Input*g.Taps : (output+1)*g.Input*g.Taps]
		for tap := range g.Taps {
			row := reversed[((g.Taps-1-tap)*g.Output+output)*g.Input:][:g.Input]
			for i := range row {
				row[i] = from[tap*between+i*of]
			}
		}
	})
}

// GatedConvolutionSaved is the number of elements that GatedConvolutionForward saves for at most the given numbers.
func GatedConvolutionSaved(g *GatedConvolution, tokens, sequences int) int {
	return 2 * (tokens + sequences*(g.Taps-1)) * g.Output
}

// GatedConvolutionScratch is the length of the scratch of GatedConvolutionForward or GatedConvolutionBackward, for at
// most the given numbers.
func GatedConvolutionScratch(g *GatedConvolution, tokens, sequences int, backward bool) int {
	rows, weight := tokens+sequences*(g.Taps-1), g.Output*g.Input*g.Taps
	if !backward {
		return takes(rows*g.Input, g.Output, weight)
	}
	parameters := takes(rows*g.Input, g.Output, max(weight, ColumnSumScratch(rows, g.Output)))
	return takes(rows*g.Output, rows*g.Output) + max(parameters, takes(rows*g.Input, weight))
}

// check panics if the operands do not fit each other.
func (g *GatedConvolution) check(y, saved, x []float32) {
	sequences := len(g.Starts) - 1
	tokens := int(g.Starts[sequences])
	requireLength("x", len(x), tokens*g.Input)
	requireLength("y", len(y), tokens*g.Output)
	requireAtLeast("saved", len(saved), GatedConvolutionSaved(g, tokens, sequences))
	for _, filter := range []Filter{g.Convolution, g.Gate} {
		requireLength("weight", len(filter.Weight), g.Output*g.Input*g.Taps)
		requireLength("bias", len(filter.Bias), g.Output)
		requireLength("second bias", len(filter.SecondBias), g.Output)
	}
}

// overSequences calls body for stretches of the tokens of each sequence.
func (c *CPU) overSequences(starts []int32, body func(sequence, first, last int)) {
	const stretch = 32
	longest := 0
	for s := range len(starts) - 1 {
		longest = max(longest, int(starts[s+1]-starts[s]))
	}
	stretches := ceilDivide(longest, stretch)
	c.parallel((len(starts)-1)*stretches, func(tile int) {
		s := tile / stretches
		first := int(starts[s]) + tile%stretches*stretch
		if last := min(first+stretch, int(starts[s+1])); first < last {
			body(s, first, last)
		}
	})
}
