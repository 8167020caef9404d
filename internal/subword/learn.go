package subword

import "container/heap"

// Learner finds tokens for words by byte-pair encoding (Sennrich et al., 2016): again and again it makes a token of the pair
// of neighbours that is most frequent. Of equally frequent pairs it takes the one whose tokens are older.
type Learner struct {
	Join func(left, right string) string // the text of the token for a pair

	Tokens []string // by id; those that the words are divided into at first come first
	Merges [][2]int32

	ids   map[string]int32
	words []learned
	count map[uint64]int64   // of pairs
	where map[uint64][]int32 // indices of words that have, or had, a pair
	queue pairQueue
}

// learned is a word as the tokens that it is divided into so far.
type learned struct {
	tokens []int32
	count  int64
}

// counted is a pair with the frequency that it had when it was put into the queue.
type counted struct {
	count int64
	pair  uint64
}

// pairQueue is a heap of pairs, the most frequent first.
type pairQueue []counted

func (q pairQueue) Len() int      { return len(q) }
func (q pairQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q pairQueue) Less(i, j int) bool {
	return q[i].count > q[j].count || q[i].count == q[j].count && q[i].pair < q[j].pair
}
func (q *pairQueue) Push(x any) { *q = append(*q, x.(counted)) }
func (q *pairQueue) Pop() any {
	old := *q
	last := old[len(old)-1]
	*q = old[:len(old)-1]
	return last
}

// NewLearner returns a Learner that starts with tokens.
func NewLearner(tokens []string, join func(left, right string) string) *Learner {
	l := &Learner{Join: join, Tokens: tokens, ids: map[string]int32{}, count: map[uint64]int64{}, where: map[uint64][]int32{}}
	for id, token := range tokens {
		l.ids[token] = int32(id)
	}
	return l
}

// Add adds a word, which is divided into tokens, and how often it occurs.
func (l *Learner) Add(tokens []int32, count int64) {
	i := int32(len(l.words))
	l.words = append(l.words, learned{tokens, count})
	for j := 1; j < len(tokens); j++ {
		l.add(pair(tokens[j-1], tokens[j]), i, count)
	}
}

// add counts a pair in a word, which is listed once in a row: a long word may have the pair very often.
func (l *Learner) add(p uint64, word int32, count int64) {
	l.count[p] += count
	if words := l.where[p]; len(words) == 0 || words[len(words)-1] != word {
		l.where[p] = append(words, word)
	}
}

// Learn makes tokens until there are size of them, or no pair occurs at least minimum times.
func (l *Learner) Learn(size int, minimum int64) {
	l.queue = l.queue[:0]
	for p, count := range l.count {
		l.queue = append(l.queue, counted{count, p})
	}
	heap.Init(&l.queue)
	for len(l.Tokens) < size && len(l.queue) > 0 {
		top := heap.Pop(&l.queue).(counted)
		if now := l.count[top.pair]; now != top.count {
			if now > 0 {
				heap.Push(&l.queue, counted{now, top.pair})
			}
			continue
		}
		if top.count < minimum {
			return
		}
		l.merge(top.pair)
	}
}

// merge makes a token of a pair.
func (l *Learner) merge(p uint64) {
	left, right := int32(p>>32), int32(uint32(p))
	text := l.Join(l.Tokens[left], l.Tokens[right])
	id, known := l.ids[text]
	if !known {
		id = int32(len(l.Tokens))
		l.ids[text] = id
		l.Tokens = append(l.Tokens, text)
	}
	l.Merges = append(l.Merges, [2]int32{left, right})
	changed := map[uint64]bool{}
	for _, i := range l.where[p] {
		l.mergeIn(i, left, right, id, changed)
	}
	delete(l.where, p)
	delete(l.count, p)
	for q := range changed {
		if q != p && l.count[q] > 0 {
			heap.Push(&l.queue, counted{l.count[q], q})
		}
	}
}

// mergeIn replaces a pair in a word, and counts the pairs beside it.
func (l *Learner) mergeIn(i, left, right, id int32, changed map[uint64]bool) {
	w := &l.words[i]
	tokens := w.tokens
	kept := tokens[:0]
	for j := 0; j < len(tokens); j++ {
		if tokens[j] != left || j+1 == len(tokens) || tokens[j+1] != right {
			kept = append(kept, tokens[j])
			continue
		}
		if len(kept) > 0 {
			before := kept[len(kept)-1]
			l.count[pair(before, left)] -= w.count
			l.add(pair(before, id), i, w.count)
			changed[pair(before, id)] = true
		}
		if j+2 < len(tokens) {
			after := tokens[j+2]
			l.count[pair(right, after)] -= w.count
			l.add(pair(id, after), i, w.count)
			changed[pair(id, after)] = true
		}
		kept = append(kept, id)
		j++
	}
	w.tokens = kept
}
