package collective

import (
	"net"
	"sync"
)

// outbox sends messages in order, in a goroutine of its own, so that nobody waits for the network to say something.
type outbox struct {
	connection net.Conn
	mutex      sync.Mutex
	changed    sync.Cond
	queue      []message
	closed     bool
	done       chan struct{} // closed when everything is sent, or cannot be
}

// newOutbox starts to send. The outbox closes the connection when it is closed and empty, or when sending fails.
func newOutbox(connection net.Conn) *outbox {
	o := &outbox{connection: connection, done: make(chan struct{})}
	o.changed.L = &o.mutex
	go o.run()
	return o
}

// put adds a message. Whoever does not read so many is lost, and is found to be so by its silence.
func (o *outbox) put(m message) {
	const limit = 1024
	o.mutex.Lock()
	defer o.mutex.Unlock()
	if len(o.queue) < limit {
		o.queue = append(o.queue, m)
	}
	o.changed.Signal()
}

// close ends the outbox once it is empty.
func (o *outbox) close() {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	o.closed = true
	o.changed.Signal()
}

func (o *outbox) run() {
	defer close(o.done)
	defer o.connection.Close()
	for {
		m, ok := o.next()
		if !ok || m.write(o.connection) != nil {
			return
		}
	}
}

func (o *outbox) next() (message, bool) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	for len(o.queue) == 0 {
		if o.closed {
			return message{}, false
		}
		o.changed.Wait()
	}
	m := o.queue[0]
	o.queue = o.queue[1:]
	return m, true
}
