package subword

import (
	"cmp"
	"slices"
)

// Trie finds the tokens that a text begins with. Its nodes stand for the beginnings of tokens; those that go on by one byte
// lie next to each other, in the order of the bytes.
type Trie struct {
	nodes  []node
	bytes  []byte       // the last byte of each node
	tables [][256]int32 // the nodes that go on by each byte, for nodes with many of them; 0 where there is none
}

type node struct {
	first, count int32 // the nodes that go on
	id           int32 // of the token that ends here, -1 if there is none
	table        int32 // index in tables, -1 if there is none
}

// many is the number of nodes from which a table of them is made.
const many = 16

// root is the node of the empty text.
const root = 0

// NewTrie returns the trie of tokens, none of which may be empty or there twice, with their ids.
func NewTrie(tokens []string, ids []int32) *Trie {
	order := make([]int32, len(tokens))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int { return cmp.Compare(tokens[a], tokens[b]) })

	t := &Trie{nodes: []node{{id: -1, table: -1}}, bytes: []byte{0}}
	type share struct{ start, end int } // of the tokens in order: those that begin with a node
	shares := []share{{0, len(order)}}
	for at, depth, level := 0, 0, 1; at < len(t.nodes); at++ {
		if at == level { // all nodes before are shorter
			depth, level = depth+1, len(t.nodes)
		}
		s := shares[at]
		if s.start < s.end && len(tokens[order[s.start]]) == depth {
			t.nodes[at].id = ids[order[s.start]]
			s.start++
		}
		t.nodes[at].first = int32(len(t.nodes))
		for s.start < s.end {
			c, end := tokens[order[s.start]][depth], s.start+1
			for end < s.end && tokens[order[end]][depth] == c {
				end++
			}
			t.nodes, t.bytes = append(t.nodes, node{id: -1, table: -1}), append(t.bytes, c)
			shares = append(shares, share{s.start, end})
			s.start = end
		}
		t.nodes[at].count = int32(len(t.nodes)) - t.nodes[at].first
		t.addTable(&t.nodes[at])
	}
	return t
}

func (t *Trie) addTable(n *node) {
	if n.count < many {
		return
	}
	n.table = int32(len(t.tables))
	var table [256]int32
	for i := n.first; i < n.first+n.count; i++ {
		table[t.bytes[i]] = i
	}
	t.tables = append(t.tables, table)
}

// Step returns the node after a byte, and the id of the token that ends there, -1 if there is none. ok is false if no token
// goes on with the byte.
func (t *Trie) Step(from int32, c byte) (to, id int32, ok bool) {
	n := &t.nodes[from]
	if n.table >= 0 {
		if to = t.tables[n.table][c]; to > 0 {
			return to, t.nodes[to].id, true
		}
		return 0, -1, false
	}
	for i := n.first; i < n.first+n.count; i++ {
		if t.bytes[i] == c {
			return i, t.nodes[i].id, true
		}
	}
	return 0, -1, false
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
