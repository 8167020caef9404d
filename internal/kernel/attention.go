package kernel

import (
	"fmt"
	"slices"
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

// attentionHeads is what one call of a routine works through: heads of one sequence, one after another. Its slices begin at
// the first element of the first head in the sequence's first token.
type attentionHeads struct {
	firstQuery, queries int // tokens
	firstKey, keys      int // tokens
	size, width         int // used part of a row, distance between rows
	head, count         int // the first head, how many
	heads               int // distance between rows of lse
	always, limit       int // query i sees the keys from 0 to min(limit, max(always, i+1)) - 1

	scale       float32
	bias, dbias []float32 // element j-i+centre belongs to query i and key j; or nil
	centre      int
	dropout     Dropout
	rows        []int32 // [queries]; nil without dropout

	q, k, v, out, lse []float32
	dq, dk, dv, dout  []float32
	accumulate        [3]bool // add to dq, dk, dv
	scratch           []float32
}

// attentionRoutines work through some heads of one sequence.
type attentionRoutines struct {
	forward  func(t *attentionHeads)
	backward func(t *attentionHeads)
}

// visible is the number of keys that query i sees.
func (t *attentionHeads) visible(i int) int { return min(t.limit, max(t.always, i+1)) }

// AttentionForward computes out [queries, heads*size] from q [queries, heads*size] and k, v [keys, heads*size], and
// lse [queries, heads], the logarithm of the sum of the exponentials of a query's scores, for AttentionBackward.
func (c *CPU) AttentionForward(a *Attention, out, lse, q, k, v, scratch []float32) {
	a.check(q, k, lse)
	requireLength("out", len(out), len(q))
	requireLength("v", len(v), len(k))
	share := a.headScratch(false)
	requireAtLeast("scratch", len(scratch), c.Threads()*share)
	work := c.attention.plan(a, c.Threads(), false)
	c.parallelWorker(len(work.tiles), func(worker, tile int) {
		t := &work.parts[worker]
		*t = a.part(work.tiles[tile])
		t.q, t.k, t.v = t.queriesOf(q), t.keysOf(k), t.keysOf(v)
		t.out, t.lse = t.queriesOf(out), t.statisticOf(lse)
		t.scratch = scratch[worker*share : (worker+1)*share]
		if t.queries > 0 {
			c.routines.attention.forward(t)
		}
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
	requireAtLeast("scratch", len(scratch), AttentionScratch(a, c.Threads(), true))
	partials := scratch[c.Threads()*share:] // [groups, heads, 2*MaxLength-1]

	work := c.attention.plan(a, c.Threads(), a.DPositionBias != nil)
	clear(partials[:work.groups*len(a.DPositionBias)])
	c.parallelWorker(len(work.tiles), func(worker, tile int) {
		t := &work.parts[worker]
		for at := work.tiles[tile]; at.sequence < at.end; at.sequence++ {
			*t = a.part(at)
			t.q, t.k, t.v = t.queriesOf(q), t.keysOf(k), t.keysOf(v)
			t.dq, t.dk, t.dv = t.queriesOf(dq), t.keysOf(dk), t.keysOf(dv)
			t.out, t.dout, t.lse = t.queriesOf(out), t.queriesOf(dout), t.statisticOf(lse)
			t.accumulate = accumulate
			t.scratch = scratch[worker*share : (worker+1)*share]
			if a.DPositionBias != nil {
				t.dbias = a.biasOf(partials[at.group*len(a.DPositionBias):], at.head, at.count)
			}
			if t.keys > 0 {
				c.routines.attention.backward(t)
			}
		}
	})
	if a.DPositionBias != nil {
		clear(a.DPositionBias)
		for group := range work.groups {
			for i, x := range partials[group*len(a.DPositionBias) : (group+1)*len(a.DPositionBias)] {
				a.DPositionBias[i] += x
			}
		}
	}
}

// attentionTile is what a thread takes at a time: some heads of some sequences, which make up a group of the position bias.
type attentionTile struct {
	sequence, end, head, count, group int
}

// attentionWork is the work of one call, in memory that calls share.
type attentionWork struct {
	tiles  []attentionTile
	groups int              // of the position bias; 0 if its gradient is not wanted
	parts  []attentionHeads // what each thread is at
}

func (w *attentionWork) plan(a *Attention, threads int, grouped bool) *attentionWork {
	w.tiles, w.groups, w.parts = w.tiles[:0], 0, slices.Grow(w.parts[:0], threads)[:threads]
	if grouped {
		w.cutGroups(a)
	} else {
		w.cutSequences(a)
	}
	return w
}

// cutSequences makes tiles of one sequence: single heads of long ones, and as many heads of short ones that getting at
// them takes little of the time.
func (w *attentionWork) cutSequences(a *Attention) {
	const pairs = 4096 // of queries and keys
	for s := range len(a.Starts) - 1 {
		each := int(a.Starts[s+1]-a.Starts[s]) * int(a.keyStarts()[s+1]-a.keyStarts()[s])
		step := max(1, pairs/max(1, each))
		for head := 0; head < a.Heads; head += step {
			w.tiles = append(w.tiles, attentionTile{sequence: s, end: s + 1, head: head, count: min(step, a.Heads-head)})
		}
	}
}

// cutGroups makes tiles of one head of a stretch of sequences, whose gradients of the position bias are summed together.
func (w *attentionWork) cutGroups(a *Attention) {
	sequences := len(a.Starts) - 1
	w.groups = min(sequences, biasGroups)
	for group := range w.groups {
		for head := range a.Heads {
			first, end := group*sequences/w.groups, (group+1)*sequences/w.groups
			w.tiles = append(w.tiles, attentionTile{first, end, head, 1, group})
		}
	}
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

// headScratch is what one call of a routine needs. Native routines keep a block of queries there, its scores and, turned
// around, the position bias; backward keeps the gradients of each besides. They begin on a cache line.
func (a *Attention) headScratch(backward bool) int {
	const block, line = 32, 16
	need := block*(a.Size+a.MaxLength) + 2*(a.MaxLength+line)
	if backward {
		need *= 2
	}
	return line + need
}

func roundUp(n, multiple int) int { return (n + multiple - 1) / multiple * multiple }

// part describes one head of one sequence, all but the operands.
func (a *Attention) part(tile attentionTile) attentionHeads {
	sequence := tile.sequence
	t := attentionHeads{
		firstQuery: int(a.Starts[sequence]), queries: int(a.Starts[sequence+1] - a.Starts[sequence]),
		firstKey: int(a.keyStarts()[sequence]), keys: int(a.keyStarts()[sequence+1] - a.keyStarts()[sequence]),
		size: a.Size, width: a.Heads * a.Size,
		head: tile.head, count: tile.count, heads: a.Heads,
		scale: a.Scale, centre: a.MaxLength - 1,
	}
	t.limit = t.keys
	if a.Lengths != nil && a.Lengths[sequence] > 0 {
		t.limit = min(t.keys, int(a.Lengths[sequence]))
	}
	t.always = t.limit
	if a.Causal {
		t.always = 0
		if a.Prefix != nil {
			t.always = int(a.Prefix[sequence])
		}
	}
	if a.PositionBias != nil {
		t.bias = a.biasOf(a.PositionBias, tile.head, tile.count)
	}
	if a.Dropout.Probability > 0 {
		t.dropout = a.Dropout
		t.rows = a.Rows[a.Starts[sequence]:a.Starts[sequence+1]]
	}
	return t
}

func (a *Attention) keyStarts() []int32 {
	if a.KeyStarts != nil {
		return a.KeyStarts
	}
	return a.Starts
}

// queriesOf cuts the heads' part of the sequence out of x [queries, heads*size], keysOf out of x [keys, heads*size] and
// statisticOf out of x [queries, heads].
func (t *attentionHeads) queriesOf(x []float32) []float32 {
	return cutColumns(x, t.firstQuery, t.queries, t.width, t.head*t.size, t.count*t.size)
}

func (t *attentionHeads) keysOf(x []float32) []float32 {
	return cutColumns(x, t.firstKey, t.keys, t.width, t.head*t.size, t.count*t.size)
}

func (t *attentionHeads) statisticOf(x []float32) []float32 {
	return cutColumns(x, t.firstQuery, t.queries, t.heads, t.head, t.count)
}

// cutColumns cuts some columns of some rows out of a matrix of the given width. The rows keep their distance.
func cutColumns(x []float32, row, rows, width, column, columns int) []float32 {
	if rows == 0 {
		return nil
	}
	return x[row*width+column:][:(rows-1)*width+columns]
}

// biasOf cuts the rows of some heads out of a position bias.
func (a *Attention) biasOf(bias []float32, head, count int) []float32 {
	offsets := 2*a.MaxLength - 1
	return bias[head*offsets : (head+count)*offsets]
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

// requireAtLeast panics if scratch memory is too short.
func requireAtLeast(operand string, length, want int) {
	if length < want {
		panic(fmt.Sprintf("kernel: %s has length %d, less than %d", operand, length, want))
	}
}
