package collective

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Member is a process in a training of several processes: its connection to the hub in the process of rank 0. It carries
// no gradients, only what the processes must agree on.
type Member struct {
	o      Options
	cancel context.CancelFunc
	hub    *hub // nil unless rank 0 is here
	outbox *outbox

	mutex   sync.Mutex
	changed sync.Cond
	hosts   []Host // of all processes, once they are there
	at      []At
	zero    [1]At // where rank 0 was last
	round   int   // of the next vote
	result  *vote // of the last vote
	values  map[string][]byte
	heard   time.Time
	err     error         // why the training has ended
	over    chan struct{} // closed when it has ended
}

// Join connects this process with the others and returns when all ranks are there and agree about the facts.
func Join(ctx context.Context, o Options) (*Member, error) {
	living, cancel := context.WithCancel(context.WithoutCancel(ctx))
	m := &Member{o: o, cancel: cancel, at: make([]At, len(o.Ranks)), values: map[string][]byte{}, over: make(chan struct{})}
	m.changed.L = &m.mutex
	joining, done := context.WithCancel(ctx)
	defer done()
	stop := context.AfterFunc(ctx, func() { m.end(context.Cause(ctx)) })
	defer stop()
	err := m.connect(joining, living)
	if err == nil {
		err = m.wait(func() bool { return m.hosts != nil })
	}
	if err == nil {
		return m, nil
	}
	if ctx.Err() != nil && m.hub != nil && m.outbox != nil {
		m.outbox.put(message{Abort: &Failure{Rank: o.Ranks[0], Host: o.Name, Text: err.Error()}})
	}
	m.close(err)
	return nil, err
}

// end ends the training with an error, unless it has ended.
func (m *Member) end(err error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.fail(err)
}

// fail is end with m.mutex locked.
func (m *Member) fail(err error) {
	if m.err == nil {
		m.err = err
		close(m.over)
	}
	m.changed.Broadcast()
}

// cause returns why the training has ended.
func (m *Member) cause() error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return m.err
}

func (m *Member) ended() bool {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return m.err != nil
}

// wait returns when a condition holds, or why the training ended before.
func (m *Member) wait(condition func() bool) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for m.err == nil && !condition() {
		m.changed.Wait()
	}
	if condition() {
		return nil
	}
	return m.err
}

// Hosts returns all processes, by rank.
func (m *Member) Hosts() []Host { return m.hosts }

// Process returns the number of this process among Hosts.
func (m *Member) Process() int {
	return slices.IndexFunc(m.hosts, func(h Host) bool { return h.Ranks[0] == m.o.Ranks[0] })
}

// Failed reports whether the training has ended with an error, here or in another process.
func (m *Member) Failed() bool { return m.ended() }

// Over is closed when the training has ended, for this process or because of another.
func (m *Member) Over() <-chan struct{} { return m.over }

// At notes where in the training a rank of this process is; rank counts from 0 within the process. It is what others are
// told when this rank hangs or is lost.
func (m *Member) At(rank int, at At) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.at[rank] = at
}

// busy returns how long a step takes each rank, if rank 0 is here.
func (m *Member) busy() []float64 {
	if m.hub == nil {
		return nil
	}
	m.hub.mutex.Lock()
	defer m.hub.mutex.Unlock()
	return slices.Clone(m.hub.busy)
}

// Agree waits until all processes have voted and returns the greatest vote. One goroutine of each process must call it.
func (m *Member) Agree(value int) (int, error) {
	m.mutex.Lock()
	round := m.round
	m.round++
	m.outbox.put(message{Vote: &vote{round, value, slices.Clone(m.at)}})
	m.mutex.Unlock()
	err := m.wait(func() bool { return m.result != nil && m.result.Round == round })
	if err != nil {
		return 0, err
	}
	return m.result.Value, nil
}

// Put gives a value to all processes that ask for its key.
func (m *Member) Put(key string, value []byte) { m.outbox.put(message{Put: &entry{key, value}}) }

// Get returns the value of a key, for which it waits.
func (m *Member) Get(key string) (value []byte, err error) {
	m.outbox.put(message{Get: key})
	err = m.wait(func() (ok bool) {
		value, ok = m.values[key]
		return ok
	})
	m.mutex.Lock()
	defer m.mutex.Unlock()
	delete(m.values, key)
	return value, err
}

// gather returns what all ranks give, from what those of this process give.
func (m *Member) gather(own [][]byte) ([][]byte, error) {
	key := func(process int) string { return fmt.Sprintf("gather/%d", process) }
	data, err := json.Marshal(own)
	if err != nil {
		return nil, err
	}
	m.Put(key(m.Process()), data)
	if _, err := m.Agree(0); err != nil {
		return nil, err
	}
	all := make([][]byte, m.o.WorldSize)
	for process, h := range m.hosts {
		var given [][]byte
		data, err := m.Get(key(process))
		if err == nil {
			err = json.Unmarshal(data, &given)
		}
		if err != nil {
			return nil, err
		}
		for i, rank := range h.Ranks {
			all[rank] = given[i]
		}
	}
	_, err = m.Agree(0) // before anybody gives something else
	return all, err
}

// Compare compares further facts once all processes know theirs. One goroutine of each process must call it. If some differ from
// those of rank 0, the training must end, and all get an error that names a rank with another one.
func (m *Member) Compare(facts []Fact) error {
	own, err := json.Marshal(facts)
	if err != nil {
		return err
	}
	all, err := m.gather(slices.Repeat([][]byte{own}, len(m.o.Ranks)))
	if err != nil {
		return err
	}
	lists := make([][]Fact, len(all))
	for rank, data := range all {
		if err := json.Unmarshal(data, &lists[rank]); err != nil {
			return err
		}
	}
	first := m.hostOf(0)
	for rank, list := range lists {
		if name, other, here := difference(lists[0], list); name != "" {
			return &Failure{Rank: rank, Host: m.hostOf(rank), Text: differs(name, other, here, first)}
		}
	}
	return nil
}

// differs says that a fact is another one than where rank 0 is.
func differs(name, there, here, first string) string {
	return fmt.Sprintf("%s is %s, but %s on %s, where rank 0 is", name, there, here, first)
}

// Abort ends the training because a rank of this process has failed. It returns the error that all processes get, which
// is the first one.
func (m *Member) Abort(rank int, err error) error {
	if errors.Is(err, ErrExchange) { // the hub is just finding out who has ended
		select {
		case <-m.over:
		case <-time.After(2 * beatInterval):
		}
	}
	var own *Failure // of another rank, if this process has found it
	if !errors.As(err, &own) {
		own = &Failure{Rank: rank, Host: m.o.Name, Text: err.Error()}
	}
	m.outbox.put(message{Abort: own})
	late := time.AfterFunc(2*beatInterval, func() { m.end(own) })
	defer late.Stop()
	return m.wait(func() bool { return false })
}

// Close leaves the training. In the process of rank 0 it waits for the others to leave, so that they learn how it ended.
func (m *Member) Close() {
	m.mutex.Lock()
	out, failed := m.outbox, m.err
	m.mutex.Unlock()
	if out != nil && failed == nil {
		out.put(message{Leave: true})
	}
	m.close(errClosed)
}

var errClosed = errors.New("the connection to the other processes is closed")

func (m *Member) close(reason error) {
	m.end(reason)
	limit := time.After(farewell)
	m.mutex.Lock()
	out := m.outbox
	m.mutex.Unlock()
	if out != nil {
		out.close()
		select {
		case <-out.done:
		case <-limit:
		}
	}
	if m.hub != nil {
		select {
		case <-m.hub.ended:
		case <-limit:
		}
	}
	m.cancel()
}
