package cpu

import "uer/internal/device"

// results keeps the outputs of runs until they are read. The two lists swap roles and keep their memory, so that adding
// does not allocate once they have grown.
type results struct{ unread, read []device.Figures }

// add records the outputs of a run.
func (r *results) add(outputs []int, operands []operand) {
	n := len(r.unread)
	if n < cap(r.unread) {
		r.unread = r.unread[:n+1]
	} else {
		r.unread = append(r.unread, device.Figures{})
	}
	figures := r.unread[n].Outputs[:0]
	for _, v := range outputs {
		if o := operands[v]; o.Doubles != nil {
			figures = append(figures, o.Doubles[0])
		} else {
			figures = append(figures, float64(o.Floats[0]))
		}
	}
	r.unread[n].Outputs = figures
}

// take returns the unread outputs. They are valid until the next call.
func (r *results) take() []device.Figures {
	r.unread, r.read = r.read[:0], r.unread
	return r.read
}
