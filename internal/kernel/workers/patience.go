package workers

import (
	"runtime"
	"time"
)

// A thread that waits looks for work for a while before it sleeps, since waking it takes longer than the gaps between most
// operations of a training step. Where others need the processor, or the wait is for data or for other ranks, that
// would only burn it: so a thread is as patient as its last waits were short.
const (
	longest  = 50 * time.Microsecond // about as long as waking takes
	shortest = time.Microsecond
)

// patience is how long a thread looks before it sleeps. It belongs to one thread.
type patience struct{ limit time.Duration }

func newPatience() patience { return patience{longest} }

// spin looks for a condition until the time that has passed since the beginning of the wait exceeds the limit, and reports
// whether it has come true.
func (p *patience) spin(began int64, condition func() bool) bool {
	for i := 1; ; i++ {
		if condition() {
			return true
		}
		if i%64 == 0 {
			if time.Duration(clock()-began) > p.limit {
				return false
			}
			runtime.Gosched()
		}
	}
}

// learn follows a wait of so many nanoseconds, until what was waited for happened: the time to wake does not count.
func (p *patience) learn(nanoseconds int64) {
	if time.Duration(nanoseconds) <= longest {
		p.limit = min(2*p.limit, longest)
	} else {
		p.limit = max(p.limit/2, shortest)
	}
}

var start = time.Now()

// clock is a time in nanoseconds, which only grows.
func clock() int64 { return int64(time.Since(start)) }
