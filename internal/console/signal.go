package console

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// Stopped is the error of a command stopped by a signal, and the cause of a context that [NotifyContext] cancelled. A
// command that has stopped for another reason, as if a signal had come, gives a Reason.
type Stopped struct {
	Signal syscall.Signal
	Reason string
}

func (s Stopped) Error() string {
	return cmp.Or(s.Reason, fmt.Sprintf("stopped by signal %d (%s)", int(s.Signal), s.Signal))
}

func (s Stopped) exitCode() int { return 128 + int(s.Signal) }

// oneStop is how long signals belong to the first: a terminal that is closed sends SIGHUP more than once, and a program that
// started this one may pass on a Ctrl-C that both have got.
const oneStop = 300 * time.Millisecond

// NotifyContext returns a context that the first SIGINT, SIGTERM or SIGHUP cancels, with a [Stopped] as its cause. A second
// SIGINT or SIGTERM kills the process at once. A signal that the process was started to ignore, as nohup does with SIGHUP,
// stays ignored. The returned function, which must be called once, cancels the context and stops listening for
// signals.
func NotifyContext(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(parent)
	received, stopped := make(chan os.Signal, 1), make(chan struct{})
	for _, s := range []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		if !signal.Ignored(s) {
			signal.Notify(received, s)
		}
	}
	go func() {
		select {
		case s := <-received:
			cancel(Stopped{Signal: s.(syscall.Signal)})
		case <-ctx.Done():
			return
		}
		select {
		case <-time.After(oneStop):
			signal.Ignore(syscall.SIGHUP)
			signal.Reset(syscall.SIGINT, syscall.SIGTERM)
		case <-stopped:
		}
	}()
	return ctx, func() {
		signal.Stop(received)
		close(stopped)
		cancel(nil)
	}
}
