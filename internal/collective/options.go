package collective

import (
	"context"
	"fmt"
	"net"
	"time"
)

// Options say how a process joins the others of a training.
type Options struct {
	Job       string // processes of another job are refused; "" if nobody gave it a name
	WorldSize int    // ranks of all processes
	Ranks     []int  // of this process, ascending
	Name      string // of this machine
	PID       int
	Facts     []Fact // must be the same in all processes; compared in order

	Network  Network
	Patience time.Duration     // for all ranks to be there
	Timeout  time.Duration     // after which ranks that do not get ahead count as hanging
	Status   func(line string) // called every ten seconds while ranks are missing; nil for silence
}

// Network is how the processes reach one another.
type Network interface {
	// Listen listens where the others will dial; rank 0 calls it.
	Listen() (net.Listener, error)
	// Dial connects to rank 0. It is tried again and again until Patience ends.
	Dial(ctx context.Context) (net.Conn, error)
	// String names the address, for messages.
	String() string
}

func (o *Options) host() Host { return Host{Name: o.Name, PID: o.PID, Ranks: o.Ranks} }

// silence is how long a process may say nothing before it counts as lost.
func (o *Options) silence() time.Duration { return min(silenceLimit, max(o.Timeout, 3*beatInterval)) }

func (o *Options) lineInterval() time.Duration { return 10 * time.Second }

// Failure is the error that ended a training with several processes: the first one, wherever it happened.
type Failure struct {
	Rank int    // of the process it happened in, or that was lost
	Host string // where it ran
	Hang bool   // no rank failed, but none gets ahead
	Late bool   // ranks did not come
	Text string
}

func (f *Failure) Error() string {
	if f.Hang || f.Late {
		return f.Text
	}
	return fmt.Sprintf("rank %d (%s): %s", f.Rank, f.Host, f.Text)
}
