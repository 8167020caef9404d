package kernel

import (
	"fmt"

	"uer/internal/kernel/routine"
)

// Attention describes scaled dot-product attention over a ragged batch: sequence s owns the tokens Starts[s] to
// Starts[s+1], and each head of each sequence is worked through on its own, in blocks of queries, so that the
// scores of a whole batch never exist (Dao et al., "FlashAttention", 2022).
//
//	score(i, j) = (q_i·k_j + PositionBias[head, j-i+MaxLength-1]) * Scale
//	out_i       = Σ_j dropout(softmax_j(score(i, j))) v_j      over the keys j that query i sees
//
// Hidden keys are left out of the sums. UER-py adds -10000 to their scores, whose exponentials underflow to zero
// beside those of visible keys.
type Attention struct {
	Heads int // number of heads
	Size  int // width of one head; rows of q, k, v and out are Heads*Size wide

	Starts []int32 // [sequences+1] offsets into the tokens
	// KeyStarts are the offsets of the keys and values where these belong to other tokens than the queries,
	// as in the attention of a decoder to its encoder.
	KeyStarts []int32 // [sequences+1], or nil for Starts
	MaxLength int     // no sequence of queries or keys is longer

	// Causal lets query i see the keys 0..i only. Prefix, which may be nil, makes the first Prefix[s] keys
	// visible to every query of sequence s besides.
	Causal bool
	Prefix []int32 // [sequences] or nil
	// Lengths, which may be nil, hides the keys from Lengths[s] on. Where it is 0 every key is as hidden as
	// any other, which amounts to all of them being visible.
	Lengths []int32 // [sequences] or nil

	Scale        float32   // positive: 1/sqrt(Size), or 1
	PositionBias []float32 // [heads, 2*MaxLength-1] or nil
	// DPositionBias receives the gradient of PositionBias in AttentionBackward.
	DPositionBias []float32 // [heads, 2*MaxLength-1], or nil if it is not wanted

	// Dropout acts on the probabilities. Those of query i and head h have the row number Rows[i]*Heads+h.
	Dropout Dropout
	Rows    []int32 // [tokens]; not read without dropout
}

// biasGroups is the number of partial sums of the gradient of the position bias: group g covers the sequences of one
// stretch of the batch.
const biasGroups = 16

// AttentionForward computes out [queries, heads*size] from q [queries, heads*size] and k, v [keys, heads*size], and
// lse [queries, heads], the logarithm of the sum of the exponentials of a query's scores, for AttentionBackward.
func (c *CPU) AttentionForward(a *Attention, out, lse, q, k, v, scratch []float32) {
	a.check(q, k, lse)
	requireLength("out", len(out), len(q))
	requireLength("v", len(v), len(k))
	share := a.headScratch(false)
	requireScratch(scratch, c.Threads()*share)
	tiles := c.attention.cutSequences(a)
	c.parallelWorker(len(tiles), func(worker, tile int) {
		at := tiles[tile]
		t := a.heads(at)
		if t.Queries == 0 {
			return
		}
		t.Q, t.K, t.V = a.queries(at, q), a.keys(at, k), a.keys(at, v)
		t.Out, t.LSE = a.queries(at, out), a.statistic(at, lse)
		t.Scratch = scratch[worker*share : (worker+1)*share]
		c.table.AttentionForward(t)
	})
}

// AttentionBackward computes the gradients dq, dk, dv of q, k, v from dout, that of out, or adds them, as accumulate
// says for each; and DPositionBias if it is there. The probabilities are computed again from lse.
func (c *CPU) AttentionBackward(a *Attention, dq, dk, dv, dout, out, lse, q, k, v, scratch []float32, accumulate [3]bool) {
	a.check(q, k, lse)
	for _, x := range [][]float32{dq, dout, out} {
		requireLength("dq, dout or out", len(x), len(q))
	}
	for _, x := range [][]float32{dk, dv, v} {
		requireLength("dk, dv or v", len(x), len(k))
	}
	share := a.headScratch(true)
	requireScratch(scratch, AttentionScratch(a, c.Threads(), true))
	partials := scratch[c.Threads()*share:] // [groups, heads, 2*MaxLength-1]

	tiles, groups := c.attention.cutSequences(a), 0
	if a.DPositionBias != nil {
		tiles, groups = c.attention.cutGroups(a)
	}
	clear(partials[:groups*len(a.DPositionBias)])
	c.parallelWorker(len(tiles), func(worker, tile int) {
		for at := tiles[tile]; at.sequence < at.end; at.sequence++ {
			t := a.heads(at)
			if t.Keys == 0 {
				continue
			}
			t.Q, t.K, t.V = a.queries(at, q), a.keys(at, k), a.keys(at, v)
			t.DQ = routine.Output{To: a.queries(at, dq), Accumulate: accumulate[0]}
			t.DK = routine.Output{To: a.keys(at, dk), Accumulate: accumulate[1]}
			t.DV = routine.Output{To: a.keys(at, dv), Accumulate: accumulate[2]}
			t.Out, t.DOut, t.LSE = a.queries(at, out), a.queries(at, dout), a.statistic(at, lse)
			t.Scratch = scratch[worker*share : (worker+1)*share]
			if a.DPositionBias != nil {
				t.DBias = a.biasOf(at, partials[at.group*len(a.DPositionBias):])
			}
			c.table.AttentionBackward(t)
		}
	})
	if a.DPositionBias != nil {
		clear(a.DPositionBias)
		for group := range groups {
			addTo(a.DPositionBias, partials[group*len(a.DPositionBias):], true)
		}
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

// cutGroups makes tiles of one head of a stretch of sequences, whose gradients of the position bias are summed together.
func (list *attentionTiles) cutGroups(a *Attention) (tiles []attentionTile, groups int) {
	*list = (*list)[:0]
	sequences := len(a.Starts) - 1
	groups = min(sequences, biasGroups)
	for group := range groups {
		for head := range a.Heads {
			first, end := group*sequences/groups, (group+1)*sequences/groups
			*list = append(*list, attentionTile{first, end, head, 1, group})
		}
	}
	return *list, groups
}

// AttentionScratch is the length of the scratch of AttentionForward or AttentionBackward. It follows from the shape of
// the heads and MaxLength, and not from the batch.
func AttentionScratch(a *Attention, threads int, backward bool) int {
	need := threads * a.headScratch(backward)
	if backward && a.DPositionBias != nil {
		need += biasGroups * len(a.DPositionBias)
	}
	return need
}

// headScratch is what one call of a routine needs.
func (a *Attention) headScratch(backward bool) int {
	return routine.AttentionScratch(a.Size, a.MaxLength, backward)
}

// heads describes the tile's heads of its first sequence, all but the operands.
func (a *Attention) heads(tile attentionTile) routine.AttentionHeads {
	starts, keyStarts := a.Starts[tile.sequence:], a.keyStarts()[tile.sequence:]
	t := routine.AttentionHeads{
		Queries: int(starts[1] - starts[0]), Keys: int(keyStarts[1] - keyStarts[0]),
		Size: a.Size, Width: a.Heads * a.Size,
		Head: tile.head, Count: tile.count, Heads: a.Heads,
		Scale: a.Scale, Centre: a.MaxLength - 1,
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

// queries cuts the tile's heads of its first sequence out of x [queries, heads*size], keys out of x [keys, heads*size] and
// statistic out of x [queries, heads].
func (a *Attention) queries(tile attentionTile, x []float32) []float32 {
	return cutColumns(x, a.Starts[tile.sequence:], a.Heads*a.Size, tile.head*a.Size, tile.count*a.Size)
}

func (a *Attention) keys(tile attentionTile, x []float32) []float32 {
	return cutColumns(x, a.keyStarts()[tile.sequence:], a.Heads*a.Size, tile.head*a.Size, tile.count*a.Size)
}

func (a *Attention) statistic(tile attentionTile, x []float32) []float32 {
	return cutColumns(x, a.Starts[tile.sequence:], a.Heads, tile.head, tile.count)
}

// cutColumns cuts some columns of the rows starts[0] to starts[1]-1 out of a matrix of the given width. The rows keep their
// distance.
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
func (a *Attention) check(q, k, lse []float32) {
	sequences := len(a.Starts) - 1
	requireLength("q", len(q), int(a.Starts[sequences])*a.Heads*a.Size)
	requireLength("k", len(k), int(a.keyStarts()[sequences])*a.Heads*a.Size)
	requireLength("lse", len(lse), int(a.Starts[sequences])*a.Heads)
	requireOptional("position bias", a.PositionBias, a.Heads*(2*a.MaxLength-1))
	requireOptional("gradient of the position bias", a.DPositionBias, a.Heads*(2*a.MaxLength-1))
	for s := range sequences {
		queries, keys := int(a.Starts[s+1]-a.Starts[s]), int(a.keyStarts()[s+1]-a.keyStarts()[s])
		if queries < 0 || keys < 0 || max(queries, keys) > a.MaxLength || queries > 0 && keys == 0 {
			panic(fmt.Sprintf("kernel: sequence %d has %d queries and %d keys, MaxLength is %d", s, queries, keys, a.MaxLength))
		}
	}
}
