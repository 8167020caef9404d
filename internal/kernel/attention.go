package kernel

import (
	"fmt"

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

	Q, K, V []float32 // [queries, heads*size], [keys, heads*size], [keys, heads*size]
	Out     []float32 // [queries, heads*size]
	LSE     []float32 // [queries, heads], the logarithm of the sum of the exponentials of a query's scores, for the gradient

	// Precision BFloat16 rounds the factors of products to bfloat16. In the others attention is computed in float32.
	Precision Precision
	Scratch   []float32 // ScratchSize elements
}

// AttentionGradient is the gradients of an Attention, whose Out and LSE have been computed, given that of Out.
type AttentionGradient struct {
	Attention
	DOut          []float32 // [queries, heads*size]
	DQ, DK, DV    Output    // as Q, K, V; all three are wanted
	DPositionBias Output    // [heads, 2*MaxLength-1]
}

// biasGroups is the number of partial sums of the gradient of the position bias: group g covers the sequences of one
// stretch of the batch.
const biasGroups = 16

// AttentionForward computes Out and LSE.
func (c *CPU) AttentionForward(a *Attention) {
	a.check()
	scratch := a.headScratch(false)
	requireScratch(a.Scratch, a.ScratchSize(c.Threads()))
	forward, tiles := c.table.AttentionForward, c.attention.cutSequences(a)
	if a.Precision == BFloat16 {
		forward = c.table.TileAttentionForward
	}
	c.parallelWorker(len(tiles), func(worker, tile int) {
		if t := a.heads(tiles[tile]); t.Queries > 0 {
			t.Scratch = a.Scratch[worker*scratch : (worker+1)*scratch]
			forward(t)
		}
	})
}

// AttentionBackward computes the outputs of an AttentionGradient. The probabilities are computed again from LSE.
func (c *CPU) AttentionBackward(g *AttentionGradient) {
	g.check()
	scratch, size := g.headScratch(true), len(g.DPositionBias.To)
	requireScratch(g.Scratch, g.ScratchSize(c.Threads()))
	partials := g.Scratch[c.Threads()*scratch:] // [groups, heads, 2*MaxLength-1]
	tiles, groups := c.attention.cutGroups(g)
	clear(partials[:groups*size])
	backward := c.table.AttentionBackward
	if g.Precision == BFloat16 {
		backward = c.table.TileAttentionBackward
	}
	c.parallelWorker(len(tiles), func(worker, tile int) {
		for at := tiles[tile]; at.sequence < at.end; at.sequence++ {
			t := g.heads(at)
			if t.Keys == 0 {
				continue
			}
			t.DOut = g.queries(at, g.DOut)
			t.DQ = Output{To: g.queries(at, g.DQ.To), Accumulate: g.DQ.Accumulate}
			t.DK = Output{To: g.keys(at, g.DK.To), Accumulate: g.DK.Accumulate}
			t.DV = Output{To: g.keys(at, g.DV.To), Accumulate: g.DV.Accumulate}
			if size > 0 {
				t.DBias = g.biasOf(at, partials[at.group*size:])
			}
			t.Scratch = g.Scratch[worker*scratch : (worker+1)*scratch]
			backward(t)
		}
	})
	for i := range g.DPositionBias.To {
		sum := float32(0)
		for group := range groups {
			sum += partials[group*size+i]
		}
		if g.DPositionBias.Accumulate {
			sum += g.DPositionBias.To[i]
		}
		g.DPositionBias.To[i] = sum
	}
}

// attentionTile is what a thread takes at a time: some heads of some sequences, which make up a group of the position bias.
type attentionTile struct {
	sequence, end, head, count, group int
}

// attentionTiles is the tiles of one call, in memory that calls share.
type attentionTiles []attentionTile

// cutSequences makes tiles of one sequence: single heads of long ones, and as many heads of short ones that getting at
// them takes little of the time.
func (list *attentionTiles) cutSequences(a *Attention) []attentionTile {
	const pairs = 4096 // of queries and keys
	*list = (*list)[:0]
	for s := range len(a.Starts) - 1 {
		each := int(a.Starts[s+1]-a.Starts[s]) * int(a.keyStarts()[s+1]-a.keyStarts()[s])
		step := max(1, pairs/max(1, each))
		for head := 0; head < a.Heads; head += step {
			*list = append(*list, attentionTile{sequence: s, end: s + 1, head: head, count: min(step, a.Heads-head)})
		}
	}
	return *list
}

// cutGroups makes tiles of one head of a stretch of sequences, whose gradients of the position bias are summed together. If
// that is not wanted, tiles are of one sequence and there are no groups.
func (list *attentionTiles) cutGroups(g *AttentionGradient) (tiles []attentionTile, groups int) {
	if g.DPositionBias.To == nil {
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
func (a *Attention) ScratchSize(threads int) int { return threads * a.headScratch(false) }

// ScratchSize is the length of Scratch.
func (g *AttentionGradient) ScratchSize(threads int) int {
	return threads*g.headScratch(true) + biasGroups*len(g.DPositionBias.To)
}

// headScratch is what one call of a routine needs.
func (a *Attention) headScratch(backward bool) int {
	if a.Precision == BFloat16 {
		return routine.TileAttentionScratch(a.Size, a.MaxLength, backward)
	}
	return routine.AttentionScratch(a.Size, a.MaxLength, backward)
}

// heads describes the tile's heads of its first sequence, with the operands that forward and backward have in common.
func (a *Attention) heads(tile attentionTile) routine.AttentionHeads {
	starts, keyStarts := a.Starts[tile.sequence:], a.keyStarts()[tile.sequence:]
	t := routine.AttentionHeads{
		Queries: int(starts[1] - starts[0]), Keys: int(keyStarts[1] - keyStarts[0]),
		Size: a.Size, Width: a.Heads * a.Size,
		Head: tile.head, Count: tile.count, Heads: a.Heads,
		Scale: a.Scale, Centre: a.MaxLength - 1,
		Q: a.queries(tile, a.Q), K: a.keys(tile, a.K), V: a.keys(tile, a.V),
		Out: a.queries(tile, a.Out), LSE: cutColumns(a.LSE, a.Starts[tile.sequence:], a.Heads, tile.head, tile.count),
	}
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
func (a *Attention) queries(tile attentionTile, x []float32) []float32 {
	return cutColumns(x, a.Starts[tile.sequence:], a.Heads*a.Size, tile.head*a.Size, tile.count*a.Size)
}

func (a *Attention) keys(tile attentionTile, x []float32) []float32 {
	return cutColumns(x, a.keyStarts()[tile.sequence:], a.Heads*a.Size, tile.head*a.Size, tile.count*a.Size)
}

// cutColumns cuts some columns of the rows starts[0] to starts[1]-1 out of a matrix of the given width. The rows stay as far
// apart as they are.
func cutColumns(x []float32, starts []int32, width, column, columns int) []float32 {
	row, rows := int(starts[0]), int(starts[1]-starts[0])
	if rows == 0 {
		return nil
	}
	return x[row*width+column:][:(rows-1)*width+columns]
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
	requireLength("Q", len(a.Q), queries*width)
	requireLength("K", len(a.K), keys*width)
	requireLength("V", len(a.V), keys*width)
	requireLength("Out", len(a.Out), queries*width)
	requireLength("LSE", len(a.LSE), queries*a.Heads)
	requireOptional("PositionBias", a.PositionBias, a.Heads*(2*a.MaxLength-1))
	for s := range sequences {
		queries, keys := int(a.Starts[s+1]-a.Starts[s]), int(a.keyStarts()[s+1]-a.keyStarts()[s])
		if queries < 0 || keys < 0 || max(queries, keys) > a.MaxLength || queries > 0 && keys == 0 {
			panic(fmt.Sprintf("kernel: sequence %d has %d queries and %d keys, MaxLength is %d", s, queries, keys, a.MaxLength))
		}
	}
}

func (g *AttentionGradient) check() {
	g.Attention.check()
	requireLength("DOut", len(g.DOut), len(g.Out))
	requireLength("DQ", len(g.DQ.To), len(g.Q))
	requireLength("DK", len(g.DK.To), len(g.K))
	requireLength("DV", len(g.DV.To), len(g.V))
	requireOptional("DPositionBias", g.DPositionBias.To, g.Heads*(2*g.MaxLength-1))
}
