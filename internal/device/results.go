package device

// Results keeps the outputs of runs that have ended until they are read. Its two lists swap roles and keep their memory, so
// that adding does not allocate once they have grown.
type Results struct{ unread, read []Figures }

// Add returns the figures of one more run, to which its outputs are to be appended.
func (r *Results) Add() *Figures {
	n := len(r.unread)
	if n < cap(r.unread) {
		r.unread = r.unread[:n+1]
	} else {
		r.unread = append(r.unread, Figures{})
	}
	r.unread[n].Outputs = r.unread[n].Outputs[:0]
	return &r.unread[n]
}

// Take returns the figures that have not been read. They are valid until the next call.
func (r *Results) Take() []Figures {
	r.unread, r.read = r.read[:0], r.unread
	return r.read
}
