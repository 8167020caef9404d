package task

// Context is the set of tokens that the encoding of a token depends on, besides the token itself: the one that an encoder
// gives, or the largest that a target allows.
type Context int

// The contexts. The zero Context is none of them.
const (
	Past               Context = iota + 1 // the tokens before it
	PastAndPrefix                         // the tokens before it and the whole first segment
	Full                                  // all tokens of the sequence
	PastAndFutureSplit                    // one half of the encoding: the tokens before it; the other: those after it
)

// Within reports whether everything in c may be seen where limit may. Both halves of an encoding in Past see the tokens
// before, so Past is not within PastAndFutureSplit.
func (c Context) Within(limit Context) bool {
	return c == limit || limit == Full || c == Past && limit == PastAndPrefix
}
