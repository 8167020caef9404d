// Package pickle reads Python pickles without executing anything: the names of functions and the calls to them are
// returned as values, and their meaning is left to the caller. It supports what protocols 0 to 5 write for None,
// booleans, integers, floats, strings, bytes, tuples, lists and dictionaries, and what torch.save writes around
// tensors.
//
// A hostile file gets an error and nothing worse: memory is proportional to the input, values nest at most 1000 deep,
// and a value cannot contain itself. Errors name the byte and the opcode.
package pickle

// A decoded value is one of: nil (None), bool, int64, *big.Int (integers beyond 64 bits), float64, string (valid
// UTF-8), []byte, Tuple, *List, *Dict, Global, *Call and PersistentID.

// Tuple is a Python tuple.
type Tuple []any

// List is a Python list. A list that the pickle refers to several times is a single *List.
type List struct {
	Items []any
	growth
}

// Dict is a Python dictionary in the pickle's order. A key that is set twice is listed twice; the later entry wins.
type Dict struct {
	Entries []Entry
	growth
}

// Entry is one key of a dictionary and its value.
type Entry struct{ Key, Value any }

// Global is the name of a Python class or function.
type Global struct{ Module, Name string }

// Call is a recipe for an object: call Callee with Args, append Items, set Entries, then restore State. None of it has
// been executed.
type Call struct {
	Callee  any
	Args    Tuple
	Items   []any   // appended to the object, if it is list-like
	Entries []Entry // set on the object, if it is dictionary-like
	State   any     // passed to __setstate__ or merged into __dict__; nil if there is none
	growth
}

// PersistentID refers to something outside the pickle; PyTorch refers to storages this way.
type PersistentID struct{ Value any }

// growth bounds the nesting of a value that is filled step by step.
type growth struct {
	depth int // as in slot
	// shared is set once the value has been fetched from the memo. From then on other values may contain it, and
	// filling it further could make a value contain itself, so that is refused. No pickle of an acyclic value needs
	// it: Python completes a value before referring to it again.
	shared bool
}
