package collective

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"
)

// Timing of the control connection.
const (
	beatInterval = time.Second
	silenceLimit = 10 * time.Second // after which a process that sends no beats counts as lost
	stall        = 3 * beatInterval // between two beats: this process itself was stopped
	joinLimit    = 10 * time.Second // for the first message of a connection
	farewell     = 5 * time.Second  // for the others to leave, at the end
)

// hub is the end of the control connections in the process of rank 0. It lets the ranks meet, tells all of them what each
// has to say, and ends the training when one of them fails, hangs or is lost. All state belongs to the goroutine of run.
type hub struct {
	o       Options
	events  chan event
	owners  []*peer // by rank; nil while a rank is not there
	present int     // ranks that are there
	started bool
	failed  *Failure // the first one
	told    int      // ranks that have been told of it
	away    int      // processes that were turned away and have yet to go
	stopped bool     // by the user, in the process of rank 0: those that are not there need not be told
	ended   chan struct{}

	votes   vote // of the round: the greatest one so far
	voted   int  // ranks that have voted
	values  map[string][]byte
	waiting map[string][]*peer // for values
	ticked  time.Time          // when it last said that it lives
	mutex   sync.Mutex         // of busy, which the process reads
	busy    []float64          // seconds of work that a step takes each rank; 0 if it is not known
	moved   time.Time          // when a rank was last seen to get ahead; before the start, when the hub began
}

// event is something that happens to the hub: a message, or the end of a connection.
type event struct {
	peer    *peer
	message message
	lost    error
}

// peer is a connected process, as the hub sees it.
type peer struct {
	outbox *outbox
	host   Host
	remote net.Addr // its end of the connection
	local  net.Addr // the hub's end
	at     []At     // by rank of the process
	heard  time.Time
	left   bool
	away   bool // it was turned away
}

func newHub(o Options) *hub {
	return &hub{
		o: o, moved: time.Now(), ticked: time.Now(), events: make(chan event), owners: make([]*peer, o.WorldSize), ended: make(chan struct{}),
		busy: make([]float64, o.WorldSize), values: map[string][]byte{}, waiting: map[string][]*peer{},
	}
}

// serve accepts connections until ctx ends.
func (h *hub) serve(ctx context.Context, listener net.Listener) {
	stop := context.AfterFunc(ctx, func() { _ = listener.Close() })
	defer stop()
	for {
		connection, err := listener.Accept()
		if err != nil {
			return
		}
		go h.receive(ctx, connection)
	}
}

// receive passes on what one connection says. Whoever does not introduce itself properly is ignored: it may be anybody.
func (h *hub) receive(ctx context.Context, connection net.Conn) {
	defer connection.Close()
	stop := context.AfterFunc(ctx, func() { _ = connection.Close() })
	defer stop()
	silent := time.AfterFunc(joinLimit, func() { _ = connection.Close() })
	m, err := readMessage(connection)
	silent.Stop()
	if err != nil || m.Join == nil || len(m.Join.Host.Ranks) == 0 {
		return
	}
	p := &peer{host: m.Join.Host, outbox: newOutbox(connection), remote: connection.RemoteAddr(), local: connection.LocalAddr()}
	defer p.outbox.close()
	for err == nil {
		if !h.send(ctx, event{peer: p, message: m}) {
			return
		}
		m, err = readMessage(connection)
	}
	h.send(ctx, event{peer: p, lost: err})
}

func (h *hub) send(ctx context.Context, e event) bool {
	select {
	case h.events <- e:
		return true
	case <-ctx.Done():
		return false
	}
}

// run handles events until ctx ends. It closes ended when no process is there any more, after the start or after all have
// been told of a failure.
func (h *hub) run(ctx context.Context) {
	ticker := time.NewTicker(beatInterval)
	defer ticker.Stop()
	lines := time.NewTicker(h.o.lineInterval())
	defer lines.Stop()
	over := false
	for {
		select {
		case e := <-h.events:
			h.handle(e)
		case <-ticker.C:
			h.tick()
		case <-lines.C:
			h.line()
		case <-ctx.Done():
			return
		}
		if h.present == 0 && h.away == 0 && (h.started || h.stopped || h.told == h.o.WorldSize) && !over {
			over = true
			close(h.ended)
		}
	}
}

func (h *hub) handle(e event) {
	p, m := e.peer, e.message
	p.heard = time.Now()
	if m.Join != nil {
		h.join(p, *m.Join)
		return
	}
	if p.away && e.lost != nil {
		h.away--
	}
	if h.owners[p.host.Ranks[0]] != p {
		return // it was turned away
	}
	switch {
	case e.lost != nil:
		h.lose(p)
	case m.Beat != nil:
		h.beat(p, m.Beat)
	case m.Vote != nil:
		h.vote(p, *m.Vote)
	case m.Put != nil:
		h.put(*m.Put)
	case m.Get != "":
		h.get(p, m.Get)
	case m.Abort != nil:
		h.stopped = h.stopped || !h.started && p.host.Ranks[0] == 0
		h.fail(*m.Abort)
	case m.Leave:
		p.left = true
		h.remove(p)
	}
}

// beat stores where the ranks of a process are.
func (h *hub) beat(p *peer, at []At) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	for i := range min(len(at), len(p.at)) {
		h.busy[p.host.Ranks[i]] = at[i].Busy
		if p.at[i] != at[i] {
			p.at[i], h.moved = at[i], time.Now()
		}
	}
}

// vote counts a vote and announces the greatest when all are there.
func (h *hub) vote(p *peer, v vote) {
	h.moved = time.Now()
	h.beat(p, v.At)
	if v.Round != h.votes.Round {
		h.fail(Failure{Rank: p.host.Ranks[0], Host: p.host.Name, Text: fmt.Sprintf("it votes in round %d of %d", v.Round, h.votes.Round)})
		return
	}
	h.votes.Value = max(h.votes.Value, v.Value)
	if h.voted += len(p.host.Ranks); h.voted < h.o.WorldSize {
		return
	}
	result := h.votes
	if p := h.owners[0]; p != nil {
		result.At = slices.Clone(p.at[:1])
	}
	h.votes, h.voted = vote{Round: h.votes.Round + 1}, 0
	h.tell(message{Vote: &result})
}

func (h *hub) put(e entry) {
	h.values[e.Key] = e.Value
	for _, p := range h.waiting[e.Key] {
		p.outbox.put(message{Value: &e})
	}
	delete(h.waiting, e.Key)
}

func (h *hub) get(p *peer, key string) {
	if value, ok := h.values[key]; ok {
		p.outbox.put(message{Value: &entry{key, value}})
		return
	}
	h.waiting[key] = append(h.waiting[key], p)
}

// lose handles the end of a connection. Before the start, the launcher may start the process again.
func (h *hub) lose(p *peer) {
	h.remove(p)
	if h.started {
		h.fail(Failure{Rank: p.host.Ranks[0], Host: p.host.Name, Text: "its connection ended" + where(p.at)})
	}
}

func (h *hub) remove(p *peer) {
	for _, rank := range p.host.Ranks {
		if h.owners[rank] == p {
			h.owners[rank] = nil
			h.present--
		}
	}
}

// fail ends the training, unless it has ended.
func (h *hub) fail(f Failure) {
	if h.failed != nil {
		return
	}
	h.failed = &f
	for p := range h.peers() {
		h.abort(p, &f)
	}
}

// abort tells a process why the training has ended.
func (h *hub) abort(p *peer, f *Failure) {
	p.outbox.put(message{Abort: f})
	h.told += len(p.host.Ranks)
}

// turnAway tells a process why it cannot take part. The hub waits for it to go, since it would not learn why from a hub that
// has ended, and would wait for another one.
func (h *hub) turnAway(p *peer, f *Failure) {
	p.away = true
	h.away++
	h.abort(p, f)
}

// tick says that the hub lives, and looks for processes that do not.
func (h *hub) tick() {
	slept := time.Since(h.ticked) > stall
	if h.ticked = time.Now(); slept { // what others have said meanwhile is still to be read
		h.moved = h.ticked
	}
	at := At{}
	if p := h.owners[0]; p != nil {
		at = p.at[0]
	}
	h.tell(message{Living: &at})
	for p := range h.peers() {
		if slept {
			p.heard = h.ticked
		}
		if silent := time.Since(p.heard); silent > h.o.silence() {
			h.fail(Failure{Rank: p.host.Ranks[0], Host: p.host.Name, Text: fmt.Sprintf("nothing was heard of it for %.0f s%s", silent.Seconds(), where(p.at))})
			h.remove(p) // it is told, too, in case that it goes on
		}
	}
	if !h.started && h.failed == nil && time.Since(h.moved) > h.o.Patience {
		h.fail(Failure{Late: true, Text: fmt.Sprintf("after %.0f s there are %s", h.o.Patience.Seconds(), h.lacking())})
	}
	if h.started && h.failed == nil && h.present == h.o.WorldSize && time.Since(h.moved) > h.o.Timeout {
		h.fail(h.hang())
	}
}

// tell sends a message to all processes.
func (h *hub) tell(m message) {
	for p := range h.peers() {
		p.outbox.put(m)
	}
}

// peers yields the processes by rank.
func (h *hub) peers() func(yield func(*peer) bool) {
	return func(yield func(*peer) bool) {
		for rank, p := range slices.Clone(h.owners) {
			if p != nil && p.host.Ranks[0] == rank && !yield(p) {
				return
			}
		}
	}
}
