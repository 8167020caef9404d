// Package subword splits words into the tokens of a vocabulary that was learnt from text: by merging pairs of tokens
// (byte-pair encoding; Sennrich et al., 2016), or by the most probable path (unigram models; Kudo, 2018). It knows ids and
// bytes; what text becomes of a word before, and how vocabularies are stored, is its callers' business.
package subword

import "fmt"

// Merges holds which pairs of tokens make up one token, and in which order pairs are merged.
type Merges struct{ byPair map[uint64]merge }

type merge struct{ rank, id int32 }

func pair(left, right int32) uint64 { return uint64(uint32(left))<<32 | uint64(uint32(right)) }

// NewMerges returns an empty table with room for n pairs.
func NewMerges(n int) *Merges { return &Merges{make(map[uint64]merge, n)} }

// Add adds a pair that makes up the token with an id. Pairs that are added earlier are merged earlier. A pair that is added
// again counts as added later.
func (m *Merges) Add(left, right, id int32) {
	m.byPair[pair(left, right)] = merge{int32(len(m.byPair)), id}
}

// AddWords adds the pair of a line of a file of merges.
func (m *Merges) AddWords(left, right string, lookup func(string) (int32, bool)) error {
	ids := [3]int32{}
	for i, token := range [3]string{left, right, left + right} {
		id, found := lookup(token)
		if !found {
			return fmt.Errorf("the vocabulary lacks %q", token)
		}
		ids[i] = id
	}
	m.Add(ids[0], ids[1], ids[2])
	return nil
}

// Merger merges tokens by a table. It reuses its buffers, so each goroutine needs its own.
type Merger struct {
	merges *Merges
	next   []int32 // index of the next token in a word, len(word) after the last
	before []int32 // index of the one before, -1 before the first
	queue  Queue[candidate]
}

// candidate is a pair that may be merged, by the index of its left token.
type candidate struct{ rank, at, id int32 }

// Precedes orders candidates: those added to the table first, then those further left.
func (c candidate) Precedes(d candidate) bool {
	return c.rank < d.rank || c.rank == d.rank && c.at < d.at
}

// NewMerger returns a Merger for one goroutine.
func NewMerger(m *Merges) *Merger { return &Merger{merges: m} }

// short is the number of tokens up to which looking through all pairs is faster than a queue of them.
const short = 24

// Merge merges the tokens of a word in place and returns what remains: again and again the pair that was added to the table
// first, and of equal ones the leftmost.
func (m *Merger) Merge(word []int32) []int32 {
	if len(word) <= short {
		return m.mergeShort(word)
	}
	return m.mergeLong(word)
}

func (m *Merger) mergeShort(word []int32) []int32 {
	// The candidate of each pair is looked up once, and again only beside a merge.
	m.queue = m.queue[:0]
	for i := 0; i+1 < len(word); i++ {
		m.queue = append(m.queue, m.candidate(word[i], word[i+1]))
	}
	pairs := m.queue
	for {
		best := -1
		for i, c := range pairs {
			if c.id >= 0 && (best < 0 || c.rank < pairs[best].rank) {
				best = i
			}
		}
		if best < 0 {
			return word
		}
		word[best] = pairs[best].id
		word = append(word[:best+1], word[best+2:]...)
		pairs = append(pairs[:best], pairs[best+1:]...)
		if best > 0 {
			pairs[best-1] = m.candidate(word[best-1], word[best])
		}
		if best < len(pairs) {
			pairs[best] = m.candidate(word[best], word[best+1])
		}
	}
}

// candidate looks a pair up; its id is -1 if it is not to be merged.
func (m *Merger) candidate(left, right int32) candidate {
	if found, ok := m.merges.byPair[pair(left, right)]; ok {
		return candidate{rank: found.rank, id: found.id}
	}
	return candidate{id: -1}
}

func (m *Merger) mergeLong(word []int32) []int32 {
	n := int32(len(word))
	m.next, m.before, m.queue = m.next[:0], m.before[:0], m.queue[:0]
	for i := range n {
		m.next, m.before = append(m.next, i+1), append(m.before, i-1)
	}
	for i := range n - 1 {
		m.offer(word, i)
	}
	for len(m.queue) > 0 {
		top := m.queue.Pop()
		right := m.next[top.at]
		if word[top.at] < 0 || right >= n || m.candidate(word[top.at], word[right]).id != top.id {
			continue // one of the two has been merged with another token
		}
		word[top.at], word[right] = top.id, -1
		m.next[top.at] = m.next[right]
		if after := m.next[right]; after < n {
			m.before[after] = top.at
			m.offer(word, top.at)
		}
		if before := m.before[top.at]; before >= 0 {
			m.offer(word, before)
		}
	}
	kept := word[:0]
	for _, id := range word {
		if id >= 0 {
			kept = append(kept, id)
		}
	}
	return kept
}

// offer adds the pair whose left token has an index to the queue, if the table has it.
func (m *Merger) offer(word []int32, at int32) {
	c := m.candidate(word[at], word[m.next[at]])
	if c.id < 0 {
		return
	}
	c.at = at
	m.queue.Push(c)
}
