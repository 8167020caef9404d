package console

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// Stopped is the error of a command that a signal stopped. It is the cause of the context of [NotifyContext].
type Stopped struct{ Signal syscall.Signal }

func (s Stopped) Error() string {
	return fmt.Sprintf("stopped by signal %d (%s)", int(s.Signal), s.Signal)
}

func (s Stopped) exitCode() int { return 128 + int(s.Signal) }

// NotifyContext returns a context that the first SIGINT or SIGTERM cancels, with a [Stopped] as its cause. A second
// signal ends the process at once. The returned function releases what it holds.
func NotifyContext(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(parent)
	received := make(chan os.Signal, 1)
	signal.Notify(received, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		select {
		case s := <-received:
			signal.Reset(syscall.SIGINT, syscall.SIGTERM)
			cancel(Stopped{s.(syscall.Signal)})
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		signal.Stop(received)
		cancel(nil)
	}
}
