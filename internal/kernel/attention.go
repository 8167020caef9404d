package kernel

import (
	"fmt"
	"math"

	"uer/internal/kernel/native"
	"uer/internal/kernel/routine"
)

// Attention is scaled dot-product attention over a ragged batch: sequence s owns the tokens Starts[s] to Starts[s+1].
// Each head of each sequence is computed by itself, in blocks of queries, so that the scores of a whole batch never exist
// (Dao et al., "FlashAttention", 2022).
//
//	score(i, j) = (q_i·k_j + PositionBias[head, j-i+MaxLength-1]) * Scale
//	out_i       = Σ_j dropout(softmax_j(score(i, j))) v_j      over the keys j that query i sees
//
// Hidden keys are left out of the sums. UER-py adds -10000 to their scores, whose exponentials underflow to zero
// beside those of visible keys.
type Attention struct {
	Heads int // number of heads
	Size  int // width of one head; rows of Q, K, V and Out are Heads*Size wide

	Starts []int32 // [sequences+1] offsets into the tokens
	// KeyStarts are the offsets of the keys and values where these belong to other tokens than the queries,
	// as in the attention of a decoder to its encoder.
	KeyStarts []int32 // [sequences+1], or nil for Starts
	MaxLength int     // no sequence of queries or keys is longer

	// Causal lets query i see the keys 0..i only. Prefix, which may be nil, makes the first Prefix[s] keys of
	// sequence s visible to all of its queries as well.
	Causal bool
	Prefix []int32 // [sequences] or nil
	// Lengths, which may be nil, hides the keys from Lengths[s] on. Where it is 0 all keys are equally hidden, which
	// amounts to all of them being visible.
	Lengths []int32 // [sequences] or nil

	Scale        float32   // positive: 1/sqrt(Size), or 1
	PositionBias []float32 // [heads, 2*MaxLength-1] or nil

	// Dropout acts on the probabilities. Those of query i and head h have the row number Rows[i]*Heads+h.
	Dropout Dropout
	Rows    []int32 // [queries]; not read without dropout

	Q, K, V Array     // [queries, heads*size], [keys, heads*size], [keys, heads*size]
	Out     Array     // [queries, heads*size]
	LSE     []float32 // [queries, heads], the logarithm of the sum of the exponentials of a query's scores, for the gradient

	// Precision BFloat16 rounds the factors of products to bfloat16. In the others attention is computed in float32.
	Precision Precision
	Scratch   []float32 // ScratchSize elements
}

// AttentionGradient is the gradients of an Attention, whose Out and LSE have been computed, given that of Out.
type AttentionGradient struct {
	Attention
	DOut          Array  // [queries, heads*size]
	DQ, DK, DV    Output // as Q, K, V; all three are wanted
	DPositionBias Output // [heads, 2*MaxLength-1]
}

// biasGroups is the number of partial sums of the gradient of the position bias: group g covers the sequences of one
// stretch of the batch.
const biasGroups = 16

// AttentionForward computes Out and LSE.
func (c *CPU) AttentionForward(a *Attention) {
	a.check()
	requireScratch(a.Scratch, a.ScratchSize(c.Threads()))
	forward, tiles := c.table.AttentionForward, c.attention.cutSequences(a)
	if c.attendsOnTiles(a) {
		forward = c.table.TileAttentionForward
	}
	c.parallelWorker(len(tiles), func(worker, tile int) {
		at, s := tiles[tile], a.stage(c, worker, false)
		if t := a.heads(&s, at); t.Queries > 0 {
			out := Output{To: a.queries(at, a.Out)}
			t.Out = a.place(&s, out.To, t.Queries, at)
			t.Scratch = a.headScratch(worker, false)
			forward(t)
			a.store(&s, out, t.Out, t.Queries, at)
		}
	})
}

// AttentionBackward computes the outputs of an AttentionGradient. The probabilities are computed again from LSE.
func (c *CPU) AttentionBackward(g *AttentionGradient) {
	g.check()
	size := g.DPositionBias.To.Len()
	requireScratch(g.Scratch, g.ScratchSize(c.Threads()))
	partials := g.Scratch[c.Threads()*g.workerScratch(true):] // [groups, heads, 2*MaxLength-1]
	tiles, groups := c.attention.cutGroups(g)
	clear(partials[:groups*size])
	backward := c.table.AttentionBackward
	if c.attendsOnTiles(&g.Attention) {
		backward = c.table.TileAttentionBackward
	}
	c.parallelWorker(len(tiles), func(worker, tile int) {
		for at := tiles[tile]; at.sequence < at.end; at.sequence++ {
			s := g.stage(c, worker, true)
			t := g.heads(&s, at)
			if t.Keys == 0 {
				continue
			}
			if size > 0 {
				t.DBias = g.biasOf(at, partials[at.group*size:])
			}
			t.Scratch = g.headScratch(worker, true)
			g.backward(&s, at, t, backward)
		}
	})
	for i := range g.DPositionBias.To.Floats {
		sum := float32(0)
		for group := range groups {
			sum += partials[group*size+i]
		}
		if g.DPositionBias.Accumulate {
			sum += g.DPositionBias.To.Floats[i]
		}
		g.DPositionBias.To.Floats[i] = sum
	}
}

// attendsOnTiles reports whether attention is computed with the bits of tiles. With VDPBF16PS, whose bits differ anyway, it is
// computed in float32, which is faster than chains.
func (c *CPU) attendsOnTiles(a *Attention) bool {
	return a.Precision == BFloat16 && c.table.Name != native.VDPBF16
}

// backward computes the gradients of some heads of a sequence.
func (g *AttentionGradient) backward(s *stage, at attentionTile, t routine.AttentionHeads, backward func(routine.AttentionHeads)) {
	dq := Output{To: g.queries(at, g.DQ.To), Accumulate: g.DQ.Accumulate}
	dk, dv := Output{To: g.keys(at, g.DK.To), Accumulate: g.DK.Accumulate}, Output{To: g.keys(at, g.DV.To), Accumulate: g.DV.Accumulate}
	t.Out, t.DOut = g.read(s, g.queries(at, g.Out), t.Queries, at), g.read(s, g.queries(at, g.DOut), t.Queries, at)
	t.DQ, t.DK, t.DV = g.output(s, dq, t.Queries, at), g.output(s, dk, t.Keys, at), g.output(s, dv, t.Keys, at)
	backward(t)
	g.store(s, dq, t.DQ.To, t.Queries, at)
	g.store(s, dk, t.DK.To, t.Keys, at)
	g.store(s, dv, t.DV.To, t.Keys, at)
}

// attentionTile is what a thread takes at a time: some heads of some sequences, which make up a group of the position bias.
type attentionTile struct {
	sequence, end, head, count, group int
}

// attentionTiles is the tiles of one call, in memory that calls share.
type attentionTiles []attentionTile

// attentionPairs is how many pairs of queries and keys a tile of several heads has at most.
const attentionPairs = 4096

// cutSequences makes tiles of one sequence: single heads of long ones, and as many heads of short ones that getting at
// them takes little of the time.
func (list *attentionTiles) cutSequences(a *Attention) []attentionTile {
	*list = (*list)[:0]
	for s := range len(a.Starts) - 1 {
		each := int(a.Starts[s+1]-a.Starts[s]) * int(a.keyStarts()[s+1]-a.keyStarts()[s])
		step := max(1, attentionPairs/max(1, each))
		for head := 0; head < a.Heads; head += step {
			*list = append(*list, attentionTile{sequence: s, end: s + 1, head: head, count: min(step, a.Heads-head)})
		}
	}
	return *list
}

// cutGroups makes tiles of one head of a stretch of sequences, whose gradients of the position bias are summed together. If
// that is not wanted, tiles are of one sequence and there are no groups.
func (list *attentionTiles) cutGroups(g *AttentionGradient) (tiles []attentionTile, groups int) {
	if !g.DPositionBias.To.Present() {
		return list.cutSequences(&g.Attention), 0
	}
	*list = (*list)[:0]
	sequences := len(g.Starts) - 1
	groups = min(sequences, biasGroups)
	for group := range groups {
		for head := range g.Heads {
			first, end := group*sequences/groups, (group+1)*sequences/groups
			*list = append(*list, attentionTile{first, end, head, 1, group})
		}
	}
	return *list, groups
}

// ScratchSize is the length of Scratch. It follows from the shape of the heads and MaxLength, not from the batch.
func (a *Attention) ScratchSize(threads int) int { return threads * a.workerScratch(false) }

// ScratchSize is the length of Scratch.
func (g *AttentionGradient) ScratchSize(threads int) int {
	return threads*g.workerScratch(true) + biasGroups*g.DPositionBias.To.Len()
}

// routineScratch is what a call of a routine needs. In bfloat16 it may be either routine: see attendsOnTiles.
func (a *Attention) routineScratch(backward bool) int {
	n := routine.AttentionScratch(a.Size, a.MaxLength, backward)
	if a.Precision == BFloat16 {
		n = max(n, routine.TileAttentionScratch(a.Size, a.MaxLength, backward))
	}
	return n
}

// workerScratch is what a thread needs: that of a routine, and the stage for what is stored in bfloat16.
func (a *Attention) workerScratch(backward bool) int {
	n := a.routineScratch(backward)
	if a.Q.Halves == nil {
		return n
	}
	operands := 4
	if backward {
		operands = 8
	}
	// Of several heads, n tokens have at most attentionPairs/n², so that heads n is below the root of heads attentionPairs.
	rows := max(a.MaxLength, int(math.Ceil(math.Sqrt(float64(a.Heads*attentionPairs)))))
	return n + operands*takes(rows*a.Size)
}

// headScratch is the part of a worker's scratch memory that a routine uses, stage the other one.
func (a *Attention) headScratch(worker int, backward bool) []float32 {
	n := a.workerScratch(backward)
	return a.Scratch[worker*n:][:a.routineScratch(backward)]
}

func (a *Attention) stage(c *CPU, worker int, backward bool) stage {
	n := a.workerScratch(backward)
	memory := a.Scratch[worker*n : (worker+1)*n][a.routineScratch(backward):]
	return stage{table: c.table, memory: memory, direct: c.attendsOnTiles(a)}
}

// heads describes the tile's heads of its first sequence, with the operands that forward and backward have in common.
func (a *Attention) heads(s *stage, tile attentionTile) routine.AttentionHeads {
	starts, keyStarts := a.Starts[tile.sequence:], a.keyStarts()[tile.sequence:]
	t := routine.AttentionHeads{
		Queries: int(starts[1] - starts[0]), Keys: int(keyStarts[1] - keyStarts[0]),
		Size: a.Size, Width: a.Heads * a.Size,
		Head: tile.head, Count: tile.count, Heads: a.Heads,
		Scale: a.Scale, Centre: a.MaxLength - 1,
		LSE: cutColumns(Floats(a.LSE), a.Starts[tile.sequence:], a.Heads, tile.head, tile.count).Floats,
	}
	if a.Q.Halves != nil && !s.direct {
		t.Width = tile.count * a.Size
	}
	t.Q = a.read(s, a.queries(tile, a.Q), t.Queries, tile)
	t.K, t.V = a.read(s, a.keys(tile, a.K), t.Keys, tile), a.read(s, a.keys(tile, a.V), t.Keys, tile)
	t.VisibleKeys = t.Keys
	if a.Lengths != nil && a.Lengths[tile.sequence] > 0 {
		t.VisibleKeys = min(t.Keys, int(a.Lengths[tile.sequence]))
	}
	t.Prefix = t.VisibleKeys
	if a.Causal {
		t.Prefix = 0
		if a.Prefix != nil {
			t.Prefix = int(a.Prefix[tile.sequence])
		}
	}
	if a.PositionBias != nil {
		t.Bias = a.biasOf(tile, a.PositionBias)
	}
	if a.Dropout.Probability > 0 {
		t.Dropout = a.Dropout
		t.Rows = a.Rows[starts[0]:starts[1]]
	}
	return t
}

func (a *Attention) keyStarts() []int32 {
	if a.KeyStarts != nil {
		return a.KeyStarts
	}
	return a.Starts
}

// queries cuts the tile's heads of its first sequence out of x [queries, heads*size], keys out of x [keys, heads*size].
func (a *Attention) queries(tile attentionTile, x Array) Array {
	return cutColumns(x, a.Starts[tile.sequence:], a.Heads*a.Size, tile.head*a.Size, tile.count*a.Size)
}

func (a *Attention) keys(tile attentionTile, x Array) Array {
	return cutColumns(x, a.keyStarts()[tile.sequence:], a.Heads*a.Size, tile.head*a.Size, tile.count*a.Size)
}

// cutColumns cuts some columns of the rows starts[0] to starts[1]-1 out of a matrix of the given width. The rows stay as far
// apart as they are.
func cutColumns(x Array, starts []int32, width, column, columns int) Array {
	row, rows := int(starts[0]), int(starts[1]-starts[0])
	if rows == 0 {
		return Array{}
	}
	first := row*width + column
	return x.Slice(first, first+(rows-1)*width+columns)
}

// read returns the tile's heads of some tokens, which queries or keys has cut out, as the routine takes them: where they are, or
// as float32 side by side.
func (a *Attention) read(s *stage, x Array, tokens int, tile attentionTile) Array {
	if s.direct {
		return x
	}
	return Floats(s.readRows(x, tokens, tile.count*a.Size, a.Heads*a.Size))
}

// place returns where a routine writes such heads, output where it writes or adds them.
func (a *Attention) place(s *stage, x Array, tokens int, tile attentionTile) Array {
	if s.direct || x.Halves == nil {
		return x
	}
	return Floats(s.room(tokens * tile.count * a.Size))
}

func (a *Attention) output(s *stage, o Output, tokens int, tile attentionTile) Output {
	return Output{To: a.place(s, o.To, tokens, tile), Accumulate: o.Accumulate && (s.direct || o.To.Halves == nil)}
}

// store rounds what was written to the place of an output.
func (a *Attention) store(s *stage, o Output, from Array, tokens int, tile attentionTile) {
	if !s.direct {
		s.storeRows(o, from.Floats, tokens, tile.count*a.Size, a.Heads*a.Size)
	}
}

// biasOf cuts the rows of the tile's heads out of a position bias.
func (a *Attention) biasOf(tile attentionTile, bias []float32) []float32 {
	offsets := 2*a.MaxLength - 1
	return bias[tile.head*offsets : (tile.head+tile.count)*offsets]
}

// check panics if the operands do not fit each other.
func (a *Attention) check() {
	sequences := len(a.Starts) - 1
	queries, keys, width := int(a.Starts[sequences]), int(a.keyStarts()[sequences]), a.Heads*a.Size
	requireLength("Q", a.Q.Len(), queries*width)
	requireLength("K", a.K.Len(), keys*width)
	requireLength("V", a.V.Len(), keys*width)
	requireLength("Out", a.Out.Len(), queries*width)
	requireLength("LSE", len(a.LSE), queries*a.Heads)
	requireOptional("PositionBias", Floats(a.PositionBias), a.Heads*(2*a.MaxLength-1))
	for s := range sequences {
		queries, keys := int(a.Starts[s+1]-a.Starts[s]), int(a.keyStarts()[s+1]-a.keyStarts()[s])
		if queries < 0 || keys < 0 || max(queries, keys) > a.MaxLength || queries > 0 && keys == 0 {
			panic(fmt.Sprintf("kernel: sequence %d has %d queries and %d keys, MaxLength is %d", s, queries, keys, a.MaxLength))
		}
	}
}

func (g *AttentionGradient) check() {
	g.Attention.check()
	requireLength("DOut", g.DOut.Len(), g.Out.Len())
	requireLength("DQ", g.DQ.To.Len(), g.Q.Len())
	requireLength("DK", g.DK.To.Len(), g.K.Len())
	requireLength("DV", g.DV.To.Len(), g.V.Len())
	requireOptional("DPositionBias", g.DPositionBias.To, g.Heads*(2*g.MaxLength-1))
}
