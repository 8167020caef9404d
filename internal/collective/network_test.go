package collective

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"time"
)

// wire is a network in memory, for synctest's time. What is written arrives after a random delay.
type wire struct {
	mutex    sync.Mutex
	random   *rand.Rand
	delay    time.Duration     // at most
	listener *wireListener     // nil while nobody listens
	ends     map[*wireConn]int // open connections by process
	gone     map[int]bool      // processes without a network
}

func newWire(random *rand.Rand, delay time.Duration) *wire {
	return &wire{random: random, delay: delay, ends: map[*wireConn]int{}, gone: map[int]bool{}}
}

// port is the network as one process sees it.
type port struct {
	*wire
	process int
}

func (p port) String() string { return "wire:1" }

func (p port) Listen() (net.Listener, error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.listener != nil {
		return nil, os.ErrExist
	}
	p.listener = &wireListener{wire: p.wire, process: p.process, queue: make(chan net.Conn), closed: make(chan struct{})}
	return p.listener, nil
}

var errRefused = errors.New("connection refused")

func (p port) Dial(ctx context.Context) (net.Conn, error) {
	time.Sleep(p.lag())
	p.mutex.Lock()
	listener := p.listener
	cut := p.gone[p.process] || listener != nil && p.gone[listener.process]
	p.mutex.Unlock()
	if cut {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if listener == nil {
		return nil, errRefused
	}
	here, there := p.connect(p.process, listener.process)
	select {
	case listener.queue <- there:
		return here, nil
	case <-listener.closed:
		here.Close()
		return nil, errRefused
	case <-ctx.Done():
		here.Close()
		return nil, ctx.Err()
	}
}

func (w *wire) lag() time.Duration {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return time.Duration(w.random.Int64N(int64(w.delay) + 1))
}

func (w *wire) connect(a, b int) (*wireConn, *wireConn) {
	there, back := newHalf(), newHalf()
	x := &wireConn{wire: w, read: back, write: there}
	y := &wireConn{wire: w, read: there, write: back}
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.ends[x], w.ends[y] = a, b
	return x, y
}

// kill closes what a process has open, as the system does when the process dies.
func (w *wire) kill(process int) {
	for _, c := range w.of(process) { // it says nothing more
		c.read.mutex.Lock()
		c.closed = true
		c.read.mutex.Unlock()
	}
	for _, c := range w.of(process) {
		c.Close()
	}
	w.mutex.Lock()
	listener := w.listener
	w.mutex.Unlock()
	if listener != nil && listener.process == process {
		listener.Close()
	}
}

// cut loses everything that a process sends or is sent from now on.
func (w *wire) cut(process int) {
	for _, c := range w.of(process) {
		c.read.lose()
		c.write.lose()
	}
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.gone[process] = true
}

func (w *wire) of(process int) (found []*wireConn) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	for c, owner := range w.ends {
		if owner == process {
			found = append(found, c)
		}
	}
	return found
}

type wireListener struct {
	*wire
	process int
	queue   chan net.Conn
	closed  chan struct{}
	once    sync.Once
}

func (l *wireListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.queue:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *wireListener) Close() error {
	l.once.Do(func() {
		close(l.closed)
		l.mutex.Lock()
		defer l.mutex.Unlock()
		l.wire.listener = nil
	})
	return nil
}

func (l *wireListener) Addr() net.Addr { return &net.TCPAddr{} }

// half is one direction of a connection.
type half struct {
	mutex   sync.Mutex
	changed sync.Cond
	ready   []byte
	ended   bool // nothing more will come
	lost    bool // what is written disappears
	last    time.Time
}

func newHalf() *half {
	h := &half{}
	h.changed.L = &h.mutex
	return h
}

// deliver makes something happen at the reader after a delay, in order.
func (h *half) deliver(delay time.Duration, f func()) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	at := time.Now().Add(delay)
	if !at.After(h.last) {
		at = h.last.Add(1)
	}
	h.last = at
	time.AfterFunc(time.Until(at), func() {
		h.mutex.Lock()
		defer h.mutex.Unlock()
		if !h.lost {
			f()
			h.changed.Broadcast()
		}
	})
}

func (h *half) lose() {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.lost = true
}

type wireConn struct {
	*wire
	read, write *half
	once        sync.Once
	closed      bool // guarded by read.mutex
}

func (c *wireConn) Read(p []byte) (int, error) {
	h := c.read
	h.mutex.Lock()
	defer h.mutex.Unlock()
	for len(h.ready) == 0 && !h.ended && !c.closed {
		h.changed.Wait()
	}
	if c.closed {
		return 0, net.ErrClosed
	}
	if len(h.ready) == 0 {
		return 0, io.EOF
	}
	n := copy(p, h.ready)
	h.ready = h.ready[n:]
	return n, nil
}

func (c *wireConn) Write(p []byte) (int, error) {
	c.read.mutex.Lock()
	closed := c.closed || c.read.ended
	c.read.mutex.Unlock()
	if closed {
		return 0, net.ErrClosed
	}
	data := append([]byte(nil), p...)
	h := c.write
	h.deliver(c.lag(), func() { h.ready = append(h.ready, data...) })
	return len(p), nil
}

func (c *wireConn) Close() error {
	c.once.Do(func() {
		c.read.mutex.Lock()
		c.closed = true
		c.read.changed.Broadcast()
		c.read.mutex.Unlock()
		h := c.write
		h.deliver(c.lag(), func() { h.ended = true })
		c.mutex.Lock()
		defer c.mutex.Unlock()
		delete(c.ends, c)
	})
	return nil
}

func (c *wireConn) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (c *wireConn) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (c *wireConn) SetDeadline(time.Time) error      { return nil }
func (c *wireConn) SetReadDeadline(time.Time) error  { return nil }
func (c *wireConn) SetWriteDeadline(time.Time) error { return nil }
