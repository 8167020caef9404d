// Package workers runs the tiles of an operation on a fixed set of threads.
package workers

import (
	"fmt"
	"runtime/debug"
	"sync/atomic"
)

// Pool runs the tiles of one job at a time on persistent goroutines and on the caller.
type Pool struct {
	threads int
	workers []worker
	done    chan struct{} // wakes the caller when the last worker leaves a job
	busy    atomic.Bool
	closed  atomic.Bool
	caller  patience

	// state counts the openings and closings of jobs in its upper half (odd while a job is open), and the workers inside
	// the job in its lower half. A worker enters only an open job, so the caller never waits for one that is still asleep.
	state  atomic.Uint64
	body   func(worker, tile int)
	tiles  int64
	next   atomic.Int64 // the first tile that nobody has taken
	failed atomic.Pointer[tilePanic]

	opened, left atomic.Int64 // when the last job was opened, and when a worker last left one, by clock
}

const opening = 1 << 32

type worker struct {
	asleep atomic.Bool
	wake   chan struct{}
	patience
}

// tilePanic carries a panic from the goroutine of a worker to the caller.
type tilePanic struct {
	value any
	stack []byte
}

func (p *tilePanic) Error() string { return fmt.Sprintf("%v\n\n%s", p.value, p.stack) }

// New starts a pool of that many threads, of which the caller of Run is one.
func New(threads int) *Pool {
	p := &Pool{threads: threads, workers: make([]worker, threads-1), done: make(chan struct{}, 1), caller: newPatience()}
	for i := range p.workers {
		p.workers[i].wake = make(chan struct{}, 1)
		p.workers[i].patience = newPatience()
		go p.serve(i)
	}
	return p
}

// Threads is the number of threads.
func (p *Pool) Threads() int { return p.threads }

// Close stops the threads. The pool must be idle, and cannot be used afterwards.
func (p *Pool) Close() {
	p.closed.Store(true)
	p.wakeWorkers(len(p.workers))
}

// Run calls body once for every tile in [0, tiles) and returns when all calls have. The worker of a call is in [0,
// Threads()), and no two calls of one worker run at the same time, so each may have memory of its own; the caller is the
// last worker. The body must not call Run. A panic in body is raised again here.
func (p *Pool) Run(tiles int, body func(worker, tile int)) {
	if !p.busy.CompareAndSwap(false, true) {
		panic("kernel: operation started while another one runs on the same CPU")
	}
	defer p.busy.Store(false)
	if tiles <= 1 || p.threads == 1 {
		for tile := range tiles {
			body(p.threads-1, tile)
		}
		return
	}
	p.body, p.tiles = body, int64(tiles)
	p.next.Store(0)
	p.opened.Store(clock())
	p.state.Add(opening)
	p.wakeWorkers(tiles - 1)
	p.work(p.threads - 1)
	p.state.Add(opening)
	p.await()
	p.body = nil
	if failed := p.failed.Swap(nil); failed != nil {
		panic(failed)
	}
}

// work takes tiles until none are left.
func (p *Pool) work(worker int) {
	defer func() {
		if value := recover(); value != nil {
			p.failed.CompareAndSwap(nil, &tilePanic{value, debug.Stack()})
			p.next.Store(p.tiles)
		}
	}()
	for {
		tile := p.next.Add(1) - 1
		if tile >= p.tiles {
			return
		}
		p.body(worker, int(tile))
	}
}

// await returns once no worker is inside the closed job.
func (p *Pool) await() {
	idle := func() bool { return uint32(p.state.Load()) == 0 }
	began := clock()
	for !p.caller.spin(began, idle) {
		<-p.done
	}
	p.caller.learn(p.left.Load() - began)
}

func (p *Pool) wakeWorkers(limit int) {
	for i := range p.workers[:min(limit, len(p.workers))] {
		if w := &p.workers[i]; w.asleep.CompareAndSwap(true, false) {
			w.wake <- struct{}{}
		}
	}
}

// serve is what a worker does: wait for a job, enter it, work, leave it.
func (p *Pool) serve(number int) {
	w := &p.workers[number]
	for seen := uint64(0); ; {
		news := func() bool {
			state := p.state.Load()
			return state/opening%2 == 1 && state/opening != seen || p.closed.Load()
		}
		began := clock()
		for !w.spin(began, news) {
			w.sleep(news)
		}
		if p.closed.Load() {
			return
		}
		if job, ok := p.enter(seen); ok {
			seen = job
			w.learn(p.opened.Load() - began)
			p.work(number)
			p.leave()
		}
	}
}

// sleep returns when the caller wakes the worker, or at once if there is news.
func (w *worker) sleep(news func() bool) {
	w.asleep.Store(true)
	if news() && w.asleep.CompareAndSwap(true, false) {
		return
	}
	<-w.wake
}

// enter counts the worker into the open job, unless the worker has seen that one already.
func (p *Pool) enter(seen uint64) (job uint64, ok bool) {
	for {
		state := p.state.Load()
		job = state / opening
		if job%2 == 0 || job == seen {
			return 0, false
		}
		if p.state.CompareAndSwap(state, state+1) {
			return job, true
		}
	}
}

func (p *Pool) leave() {
	p.left.Store(clock())
	if state := p.state.Add(^uint64(0)); uint32(state) == 0 && state/opening%2 == 0 {
		select {
		case p.done <- struct{}{}:
		default:
		}
	}
}
