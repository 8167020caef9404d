package collective

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"
)

// connect reaches the hub and introduces this process.
func (m *Member) connect(joining, living context.Context) error {
	if slices.Contains(m.o.Ranks, 0) {
		return m.host(living)
	}
	go m.dial(joining, living)
	return nil
}

// dial connects to the hub until the training starts or this process loses patience. Once it is connected, it is for the
// hub to lose patience, as the hub knows who is missing.
func (m *Member) dial(joining, living context.Context) {
	begun, line, pause := time.Now(), time.Now(), 10*time.Millisecond
	for joining.Err() == nil {
		err := m.attempt(joining, living)
		if joining.Err() != nil || m.ended() {
			return
		}
		if waited := time.Since(begun); waited > m.o.Patience {
			m.end(fmt.Errorf("rank 0 did not answer at %s in %.0f s: %w", m.o.Network, waited.Seconds(), err))
			return
		}
		if m.o.Status != nil && time.Since(line) >= m.o.lineInterval() {
			m.o.Status(fmt.Sprintf("Waiting for rank 0 at %s: %v", m.o.Network, err))
			line = time.Now()
		}
		select {
		case <-time.After(pause):
			pause = min(2*pause, time.Second)
		case <-joining.Done():
		}
	}
}

// attempt connects to the hub once and returns when the connection has ended.
func (m *Member) attempt(joining, living context.Context) error {
	ctx, cancel := context.WithTimeout(joining, silenceLimit)
	defer cancel()
	connection, err := m.o.Network.Dial(ctx)
	if err != nil {
		return err
	}
	return m.speak(living, connection)
}

// host starts the hub and connects to it directly.
func (m *Member) host(living context.Context) error {
	listener, err := m.o.Network.Listen()
	if err != nil {
		return err
	}
	m.hub = newHub(m.o)
	go m.hub.run(living)
	go m.hub.serve(living, listener)
	here, there := net.Pipe()
	go m.hub.receive(living, there)
	go m.speak(living, here)
	return nil
}

var errLost = errors.New("the connection ended")

// speak introduces this process on a connection and then listens to the hub. It returns when the connection has ended; if
// that was after the start, the training has ended too.
func (m *Member) speak(living context.Context, connection net.Conn) error {
	stop := context.AfterFunc(living, func() { _ = connection.Close() })
	defer stop()
	out := newOutbox(connection)
	defer out.close()
	out.put(message{Join: &join{protocol, m.o.Job, m.o.WorldSize, m.o.host(), m.o.Facts}})
	m.mutex.Lock()
	m.outbox, m.heard = out, time.Now()
	m.mutex.Unlock()
	beats := make(chan struct{})
	go m.beat(out, beats)
	defer close(beats)
	for {
		received, err := readMessage(connection)
		if err != nil {
			m.lost()
			return errLost
		}
		m.handle(received)
	}
}

// lost ends the training if it had begun.
func (m *Member) lost() {
	m.mutex.Lock()
	begun, host, at := m.hosts != nil, m.rankZero(), where(m.zero[:])
	m.mutex.Unlock()
	if begun {
		m.end(&Failure{Rank: 0, Host: host, Text: "its connection ended" + at})
	}
}

// rankZero returns the machine of rank 0. m.mutex must be locked.
func (m *Member) rankZero() string { return cmp.Or(m.hostOf(0), m.o.Network.String()) }

// hostOf returns the machine of a rank, "" before the start.
func (m *Member) hostOf(rank int) string {
	for _, h := range m.hosts {
		if slices.Contains(h.Ranks, rank) {
			return h.Name
		}
	}
	return ""
}

// beat tells the hub every second where the ranks are, and notices when the hub is silent.
func (m *Member) beat(out *outbox, done chan struct{}) {
	ticker := time.NewTicker(beatInterval)
	defer ticker.Stop()
	last := time.Now()
	for {
		select {
		case <-ticker.C:
		case <-done:
			return
		}
		m.mutex.Lock()
		out.put(message{Beat: slices.Clone(m.at)})
		if time.Since(last) > stall { // what the hub has said meanwhile is still to be read
			m.heard = time.Now()
		}
		last = time.Now()
		silent, begun, host, at := time.Since(m.heard), m.hosts != nil, m.rankZero(), where(m.zero[:])
		m.mutex.Unlock()
		if silent <= m.o.silence() {
			continue
		}
		if begun {
			f := &Failure{Rank: 0, Host: host, Text: fmt.Sprintf("nothing was heard of it for %.0f s%s", silent.Seconds(), at)}
			out.put(message{Abort: f}) // for rank 0, if it goes on
			m.end(f)
			return
		}
		_ = out.connection.Close() // to connect again
	}
}

func (m *Member) handle(received message) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.heard = time.Now()
	switch {
	case received.Start != nil:
		m.hosts = received.Start
	case received.Vote != nil:
		m.result = received.Vote
		copy(m.zero[:], received.Vote.At)
	case received.Value != nil:
		m.values[received.Value.Key] = received.Value.Value
	case received.Abort != nil:
		m.fail(received.Abort)
	case received.Living != nil:
		m.zero[0] = *received.Living
	}
	m.changed.Broadcast()
}
