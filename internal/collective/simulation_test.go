package collective

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing/synctest"
	"time"
)

// The faults of a simulated training. Each hits one process, at a random time.
type fault int

const (
	none      fault = iota
	death           // the process is killed
	cutOff          // its network is gone, without a word
	abortion        // a rank of it fails
	hang            // it stops in the middle of a step
	stranger        // it has another dataset
	duplicate       // it is started twice
	absence         // it is never started
	restart         // it dies while the ranks are meeting, and is started again
	faults
)

func (f fault) String() string {
	return [...]string{"none", "death", "cutOff", "abortion", "hang", "stranger", "duplicate", "absence", "restart"}[f]
}

// simulation is a training whose course a seed decides.
type simulation struct {
	*wire
	random    *rand.Rand
	processes [][]int // ranks
	world     int
	steps     int
	fault     fault
	victim    int           // process
	when      time.Duration // of the fault, from the start
	happened  time.Time
	dead      []bool
	cancels   []context.CancelFunc

	mutex   sync.Mutex
	results []outcome // by process, the second of a duplicate last
}

type outcome struct {
	joined bool
	sum    int // of the results of all votes
	err    error
	ended  time.Time
}

const (
	patience = 60 * time.Second
	timeout  = 30 * time.Second
)

func newSimulation(seed uint64) *simulation {
	random := rand.New(rand.NewPCG(seed, 9))
	s := &simulation{
		random: random, steps: 1 + random.IntN(20), fault: fault(random.IntN(int(faults))),
		wire: newWire(rand.New(rand.NewPCG(seed, 10)), time.Duration(random.IntN(200))*time.Millisecond),
	}
	for range 1 + random.IntN(5) {
		var ranks []int
		for range 1 + random.IntN(3) {
			ranks = append(ranks, s.world)
			s.world++
		}
		s.processes = append(s.processes, ranks)
	}
	s.victim = random.IntN(len(s.processes))
	s.when = time.Duration(random.Int64N(int64(40 * time.Second)))
	s.results, s.dead = make([]outcome, len(s.processes)+1), make([]bool, len(s.processes)+1)
	s.cancels = make([]context.CancelFunc, len(s.processes)+1)
	return s
}

// train is one process.
func (s *simulation) train(ctx context.Context, process int, slow func() time.Duration) (o outcome) {
	defer func() { o.ended = time.Now() }()
	facts := []Fact{{"the program", "a"}, {"the dataset", "b"}}
	ranks := s.processes[min(process, len(s.processes)-1)]
	if process == len(s.processes) {
		ranks = s.processes[s.victim]
	}
	if process == s.victim && s.fault == stranger {
		facts[1].Value = "c"
	}
	m, err := Join(ctx, Options{
		WorldSize: s.world, Ranks: ranks, Name: fmt.Sprintf("host%d", process), PID: process, Facts: facts,
		Network: port{s.wire, process}, Patience: patience, Timeout: timeout,
	})
	if err != nil {
		o.err = err
		return o
	}
	o.joined = true
	defer func() {
		if ctx.Err() == nil {
			m.Close()
		} else {
			m.cancel()
		}
	}()
	if ranks[0] == 0 {
		m.Put("id", []byte{42})
	}
	if value, err := m.Get("id"); err != nil || len(value) != 1 || value[0] != 42 {
		o.err = errors.Join(err, ctx.Err())
		return o
	}
	at := func(a At) {
		for i := range ranks {
			m.At(i, a)
		}
	}
	for step := 1; step <= s.steps; step++ {
		at(At{Step: step, Phase: "data", Waits: false})
		time.Sleep(slow())
		if ctx.Err() != nil {
			return outcome{err: ctx.Err()}
		}
		if process == s.victim && time.Since(s.begin()) > s.when {
			if s.fault == abortion {
				s.note()
				o.err = m.Abort(ranks[0], errors.New("no more data"))
				return o
			}
			if s.fault == hang {
				s.note()
				o.err = m.wait(func() bool { return false })
				return o
			}
		}
		at(At{Step: step, Phase: "gradient sum", Waits: true})
		result, err := m.Agree(step * (1 + process))
		if err != nil {
			o.err = err
			return o
		}
		o.sum += result
	}
	return o
}

var beginning = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // of every synctest

func (s *simulation) begin() time.Time { return beginning }

func (s *simulation) note() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.happened = time.Now()
}

// start runs a process and stores how it ended.
func (s *simulation) start(all *sync.WaitGroup, process int, delay time.Duration) {
	ctx, cancel := context.WithCancel(context.Background())
	s.cancels[process] = cancel
	seed := s.random.Uint64()
	all.Go(func() {
		time.Sleep(delay)
		if ctx.Err() != nil {
			return // it died before
		}
		own := rand.New(rand.NewPCG(seed, 1))
		slow := func() time.Duration { return time.Duration(own.Int64N(int64(5 * time.Second))) }
		o := s.train(ctx, process, slow)
		s.mutex.Lock()
		defer s.mutex.Unlock()
		s.results[process] = o
	})
}

func (s *simulation) run() {
	var all sync.WaitGroup
	for process := range s.processes {
		if process == s.victim && s.fault == absence {
			s.dead[process] = true
			continue
		}
		s.start(&all, process, time.Duration(s.random.Int64N(int64(20*time.Second))))
	}
	switch s.fault {
	case death, restart:
		all.Go(func() {
			time.Sleep(s.when)
			s.note()
			s.dead[s.victim] = true
			s.cancels[s.victim]()
			s.kill(s.victim)
			if s.fault == restart {
				s.dead[len(s.processes)] = false
				s.start(&all, len(s.processes), time.Second)
			}
		})
	case cutOff:
		all.Go(func() {
			time.Sleep(s.when)
			s.note()
			s.cut(s.victim)
		})
	case duplicate:
		s.start(&all, len(s.processes), s.when)
	}
	all.Wait()
	synctest.Wait()
}
