package collective

import (
	"cmp"
	"fmt"
	"net"
	"time"
)

// join lets a process take part, or refuses it. What the user must mend ends the training for all, as the ranks would
// never be complete; a process of another job does not.
func (h *hub) join(p *peer, j join) {
	first := h.o.host()
	refuse := func(format string, a ...any) *Failure {
		f := Failure{Rank: p.host.Ranks[0], Host: p.host.Name, Text: fmt.Sprintf(format, a...)}
		h.turnAway(p, &f)
		return &f
	}
	switch {
	case h.failed != nil:
		h.turnAway(p, h.failed)
		return
	case j.Protocol != protocol:
		h.fail(*refuse("it is another version of uer than on %s, where rank 0 is", first.Name))
		return
	case j.Job != h.o.Job:
		refuse("the training on %s, where rank 0 should be, is job %q, not %q", first.Name, h.o.Job, j.Job)
		return
	case j.WorldSize != h.o.WorldSize:
		h.fail(*refuse("--world_size is %d, but %d on %s, where rank 0 is", j.WorldSize, h.o.WorldSize, first.Name))
		return
	}
	if name, other, here := difference(h.o.Facts, j.Facts); name != "" {
		h.fail(*refuse("%s", differs(name, other, here, first.Name)))
		return
	}
	for _, rank := range p.host.Ranks {
		if rank < 0 || rank >= h.o.WorldSize {
			h.fail(*refuse("rank %d is not below --world_size %d", rank, h.o.WorldSize))
			return
		}
		owner := h.owners[rank]
		if owner != nil && owner.host.Name == p.host.Name && owner.host.PID == p.host.PID {
			h.lose(owner) // the process has lost its first connection
			continue
		}
		if owner != nil || h.started {
			h.fail(*refuse("rank %d is started twice: on %s and on %s", rank, nameOf(owner), p.host.process()))
			return
		}
	}
	if h.failed != nil {
		h.turnAway(p, h.failed)
		return
	}
	for _, rank := range p.host.Ranks {
		h.owners[rank] = p
	}
	p.at = make([]At, len(p.host.Ranks))
	h.present += len(p.host.Ranks)
	if h.present == h.o.WorldSize {
		h.start()
	}
}

func nameOf(p *peer) string {
	if p == nil {
		return "a process that has left"
	}
	return p.host.process()
}

// difference returns the first fact that differs, as b and as a have it.
func difference(a, b []Fact) (name, inB, inA string) {
	for i := range max(len(a), len(b)) {
		var x, y Fact
		if i < len(a) {
			x = a[i]
		}
		if i < len(b) {
			y = b[i]
		}
		if x != y {
			return cmp.Or(x.Name, y.Name), cmp.Or(y.Value, "missing"), cmp.Or(x.Value, "missing")
		}
	}
	return "", "", ""
}

func (h *hub) start() {
	h.started, h.moved = true, time.Now()
	var hosts []Host
	own := h.address()
	for p := range h.peers() {
		if p.host.Address = own; !isLoopback(p.remote) {
			p.host.Address = ip(p.remote)
		}
		hosts = append(hosts, p.host)
	}
	h.tell(message{Start: hosts})
}

// address returns the address of this machine that a process on another machine has reached, or else of the machine itself.
func (h *hub) address() string {
	here := "127.0.0.1"
	for p := range h.peers() {
		if !isLoopback(p.remote) {
			return ip(p.local)
		}
		if address := ip(p.remote); address != "" {
			here = address
		}
	}
	return here
}

// ip returns the IP address of an end of a connection, "" within a process.
func ip(a net.Addr) string {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.IP.String()
	}
	return ""
}

// isLoopback reports whether the other end is on this machine. On some, the name of the machine itself means such an
// address, which is of no use to others.
func isLoopback(a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	return !ok || tcp.IP.IsLoopback()
}
