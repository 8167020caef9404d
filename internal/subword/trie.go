package subword

import "slices"

// Trie finds the tokens that a text begins with. It is a double array (Aoe, 1989): the state after a byte c in state s is
// base[s]+c, if that state's check is s.
type Trie struct{ states []state }

type state struct {
	base, check int32
	id          int32 // of the token that ends here, -1 if there is none
}

// root is the state before the first byte.
const root = 0

// NewTrie returns the trie of tokens, none of which may be empty or there twice, with their ids.
func NewTrie(tokens []string, ids []int32) *Trie {
	order := make([]int32, len(tokens))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int {
		if tokens[a] < tokens[b] {
			return -1
		}
		return 1
	})
	b := trieBuilder{tokens: tokens, ids: ids, order: order}
	b.grow(512)
	b.take(root, root)
	b.build(root, 0, len(order), 0)
	return &Trie{b.states}
}

// Step returns the state after a byte, and the id of the token that ends there, -1 if there is none. ok is false if no
// token goes on with the byte.
func (t *Trie) Step(from int32, c byte) (to, id int32, ok bool) {
	to = t.states[from].base + int32(c)
	if uint(to) >= uint(len(t.states)) || t.states[to].check != from || to == root {
		return 0, -1, false
	}
	return to, t.states[to].id, true
}

// Longest returns the length of the longest token that a text begins with, and its id; 0 and -1 if there is none.
func (t *Trie) Longest(text string) (length int, id int32) {
	id = -1
	at := int32(root)
	for i := range len(text) {
		next, found, ok := t.Step(at, text[i])
		if !ok {
			break
		}
		if at = next; found >= 0 {
			length, id = i+1, found
		}
	}
	return length, id
}

type trieBuilder struct {
	tokens []string
	ids    []int32
	order  []int32 // of the tokens
	states []state

	// The states that are free, as a list.
	next, before []int32
	first, last  int32
}

// build makes the states after from, which the tokens order[first:last] have in common with their first depth bytes.
func (b *trieBuilder) build(from int32, first, last, depth int) {
	if len(b.tokens[b.order[first]]) == depth {
		b.states[from].id = b.ids[b.order[first]]
		if first++; first == last {
			return
		}
	}
	var bytes []byte
	var starts []int
	for i := first; i < last; i++ {
		if c := b.tokens[b.order[i]][depth]; len(bytes) == 0 || bytes[len(bytes)-1] != c {
			bytes, starts = append(bytes, c), append(starts, i)
		}
	}
	starts = append(starts, last)
	base := b.place(bytes)
	b.states[from].base = base
	for _, c := range bytes {
		b.take(base+int32(c), from)
	}
	for i, c := range bytes {
		b.build(base+int32(c), starts[i], starts[i+1], depth+1)
	}
}

// attempts is the number of free states that are tried before new ones are made.
const attempts = 64

// place finds a base at which the states of all bytes are free.
func (b *trieBuilder) place(bytes []byte) int32 {
	at := b.first
	for range attempts {
		if at < 0 {
			break
		}
		if base := at - int32(bytes[0]); base >= 0 && b.fits(base, bytes) {
			return base
		}
		at = b.next[at]
	}
	base := len(b.states)
	b.grow(base + 256)
	return int32(base)
}

func (b *trieBuilder) fits(base int32, bytes []byte) bool {
	for _, c := range bytes {
		if at := int(base) + int(c); at < len(b.states) && b.states[at].check >= 0 {
			return false
		}
	}
	b.grow(int(base) + 256)
	return true
}

// grow adds free states until there are n.
func (b *trieBuilder) grow(n int) {
	if len(b.states) == 0 {
		b.first, b.last = -1, -1
	}
	for i := int32(len(b.states)); int(i) < n; i++ {
		b.states = append(b.states, state{check: -1, id: -1})
		b.next, b.before = append(b.next, -1), append(b.before, b.last)
		if b.last >= 0 {
			b.next[b.last] = i
		} else {
			b.first = i
		}
		b.last = i
	}
}

// take takes a state from the list of free ones.
func (b *trieBuilder) take(at, from int32) {
	b.states[at].check = from
	next, before := b.next[at], b.before[at]
	if before >= 0 {
		b.next[before] = next
	} else {
		b.first = next
	}
	if next >= 0 {
		b.before[next] = before
	} else {
		b.last = before
	}
}
