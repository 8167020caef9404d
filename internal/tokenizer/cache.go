package tokenizer

import "unsafe"

// wordCache keeps the ids of words that have been split before, up to a fixed size.
type wordCache struct {
	words map[string]span
	ids   []int32
}

// span is where the ids of a word are.
type span struct{ start, end int32 }

const (
	cachedWords  = 1 << 16
	longestWord  = 64 // bytes; longer words seldom come again
	cachedTokens = 1 << 19
)

func (c *wordCache) get(word string) ([]int32, bool) {
	at, found := c.words[word]
	return c.ids[at.start:at.end], found
}

func (c *wordCache) put(word string, ids []int32) {
	if len(word) > longestWord || len(c.words) >= cachedWords || len(c.ids) >= cachedTokens {
		return
	}
	start := int32(len(c.ids))
	c.ids = append(c.ids, ids...)
	c.words[string([]byte(word))] = span{start, int32(len(c.ids))} // a copy, as word may be part of a mapped file
}

// borrowed returns bytes as a string without copying them. It must not be kept.
func borrowed(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
