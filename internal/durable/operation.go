package durable

// Operation is what this package is about to do to the file system.
type Operation struct {
	Kind Kind
	Path string // the file; the folder of SyncsFolder
	To   string // the new path of Renames
	Data []byte // of Writes
}

// Kind is a kind of Operation.
type Kind string

// The kinds of operations.
const (
	Creates     Kind = "create"
	Writes      Kind = "write"
	Syncs       Kind = "sync"
	Renames     Kind = "rename"
	Removes     Kind = "remove"
	SyncsFolder Kind = "sync folder"
)

// Probe, if a test sets it, is called before every operation. An error takes the operation's place.
var Probe func(Operation) error

func probe(o Operation) error {
	if Probe == nil {
		return nil
	}
	return Probe(o)
}
