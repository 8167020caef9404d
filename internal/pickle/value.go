// Package pickle reads Python pickles without executing anything: names of functions and calls of them are handed
// back as values, and what they mean is left to the caller. It covers what protocols 0 to 5 write for None, booleans,
// integers, floats, strings, bytes, tuples, lists and dictionaries, and what torch.save writes around tensors.
//
// Memory stays proportional to the input and nesting is bounded, so a hostile file gets an error and no more.
package pickle

// A decoded value is one of: nil (None), bool, int64, *big.Int (integers beyond 64 bits), float64, string (valid
// UTF-8), []byte, Tuple, *List, *Dict, Global, *Call and PersistentID.

// Tuple is a Python tuple.
type Tuple []any

// List is a Python list. A list that the pickle refers to several times is one *List.
type List struct {
	Items []any
	growth
}

// Dict is a Python dictionary in the pickle's order. A key that is set twice is listed twice; the later one holds.
type Dict struct {
	Entries []Entry
	growth
}

// Entry is one key of a dictionary and its value.
type Entry struct{ Key, Value any }

// Global is the name of a Python class or function.
type Global struct{ Module, Name string }

// Call is an object as the pickle says to make it: call Callee with Args, append Items, set Entries, then restore
// State. Nothing of it has been done.
type Call struct {
	Callee  any
	Args    Tuple
	Items   []any   // appended to the object, if it is a kind of list
	Entries []Entry // set on the object, if it is a kind of dictionary
	State   any     // handed to __setstate__ or to __dict__; nil if there is none
	growth
}

// PersistentID refers to something kept outside of the pickle; PyTorch names storages in this way.
type PersistentID struct{ Value any }

// growth is the part of a value filled step by step that bounds nesting.
type growth struct {
	depth int // as in slot
	// shared is set once the value has been fetched from the memo. From then on it may sit inside other values, and
	// filling it further could make a value hold itself, so that is refused. Pickles of values that do not hold
	// themselves never need it: Python completes a value before it refers to it again.
	shared bool
}
