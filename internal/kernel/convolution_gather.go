package kernel

import "uer/internal/kernel/routine"

// The factors of the products of a gated convolution. K of the sums and the columns of a weight's gradient are in the order
// of the weights, which can so be read and written as they are. Only windows are rearranged, in the cache.

// gatherWindows copies elements of the windows of some tokens, as [tokens, size].
func (g *GatedConvolution) gatherWindows(s *stage, to []float32, token, tokens, start, size int) {
	g.overTokens(token, tokens, func(sequence, row, rows int) {
		x := g.X.From(int(g.Starts[sequence]) * g.Input)
		if g.TapsLast {
			g.gatherTapsLast(s, to[:rows*size], x, row, rows, start/g.Taps, size/g.Taps)
			to = to[rows*size:]
			return
		}
		for i := range rows {
			from := (row+i-(g.Taps-1))*g.Input + start
			missing := min(max(0, -from), size)
			clear(to[:missing])
			if missing < size {
				s.readTo(to[missing:size], x.Slice(from+missing, from+size))
			}
			to = to[size:]
		}
	})
}

// gatherTapsLast copies some channels of the windows that end at some rows of a sequence x, as [rows, channels, Taps].
func (g *GatedConvolution) gatherTapsLast(s *stage, to []float32, x Array, row, rows, channel, channels int) {
	used, first, width := s.used, max(0, row-(g.Taps-1)), g.Input // first is the first row that they have
	if x.Halves != nil {
		width = channels
	}
	s.table.Windows(routine.Windows{
		To: to, X: s.readRows(x.From(first*g.Input+channel), row+rows-first, channels, g.Input), Width: width,
		Row: row - first, Rows: rows, Taps: g.Taps, Channels: channels,
	})
	s.used = used
}

// gatherLater copies gradients of the sums that some tokens are part of, as [tokens, size]: for each tap the same size/Taps
// outputs, beginning with the first tap, by which a token enters the sums of the last token that depends on it.
func (g *GatedConvolution) gatherLater(to, dsums []float32, token, tokens, start, size int) {
	output, outputs, width := start/g.Taps, size/g.Taps, 2*g.Output
	g.overTokens(token, tokens, func(sequence, row, rows int) {
		first, end := int(g.Starts[sequence])+row, int(g.Starts[sequence+1])
		for t := first; t < first+rows; t++ {
			for later := t + g.Taps - 1; later >= t; later-- {
				if later < end {
					copy(to[:outputs], dsums[later*width+output:])
				} else {
					clear(to[:outputs])
				}
				to = to[outputs:]
			}
		}
	})
}

// gatherWeights copies elements of the weights of some outputs of both filters, as [outputs, size].
func (g *GatedConvolution) gatherWeights(_ *stage, to []float32, output, outputs, start, size int) {
	g.overFilters(output, outputs, func(filter, first, n int) {
		weight := [...][]float32{g.Convolution.Weight, g.Gate.Weight}[filter]
		for i := first; i < first+n; i++ {
			copy(to[:size], weight[i*g.window()+start:])
			to = to[size:]
		}
	})
}

// gatherTaps copies the weights between some outputs of both filters and some inputs, as [Taps, outputs, inputs].
func (g *GatedConvolution) gatherTaps(s *stage, to []float32, output, outputs, input, inputs int) {
	g.overFilters(output, outputs, func(filter, first, n int) {
		weight := [...][]float32{g.Convolution.Weight, g.Gate.Weight}[filter][first*g.window():]
		if g.TapsLast {
			s.table.SplitTaps(routine.SplitTaps{
				To: to, Weights: weight[input*g.Taps:], TapStride: outputs * inputs, Leading: g.window(),
				Rows: n, Taps: g.Taps, Channels: inputs,
			})
		} else {
			for tap := range g.Taps {
				for i := range n {
					copy(to[(tap*outputs+i)*inputs:][:inputs], weight[i*g.window()+tap*g.Input+input:])
				}
			}
		}
		to = to[n*inputs:]
	})
}

// gatherSums copies gradients of the sums of some outputs of one filter, as [tokens, outputs].
func (g *GatedConvolution) gatherSums(to, dsums []float32, filter, output, outputs, token, tokens int) {
	for t := token; t < token+tokens; t++ {
		copy(to[:outputs], dsums[t*2*g.Output+filter*g.Output+output:])
		to = to[outputs:]
	}
}

// overTokens calls body with the rows of each sequence that are among the given tokens; row 0 is its first token.
func (g *GatedConvolution) overTokens(token, tokens int, body func(sequence, row, rows int)) {
	for sequence := range len(g.Starts) - 1 {
		start, end := int(g.Starts[sequence]), int(g.Starts[sequence+1])
		first, last := max(start, token), min(end, token+tokens)
		if first < last {
			body(sequence, first-start, last-first)
		}
	}
}

// overFilters calls body with the outputs of each filter that are among the given outputs of both.
func (g *GatedConvolution) overFilters(output, outputs int, body func(filter, first, outputs int)) {
	for filter := range 2 {
		start := filter * g.Output
		first, last := max(start, output), min(start+g.Output, output+outputs)
		if first < last {
			body(filter, first-start, last-first)
		}
	}
}
