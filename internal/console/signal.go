package console

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// Stopped is the error of a command stopped by a signal, and the cause of a context that [NotifyContext] cancelled.
type Stopped struct{ Signal syscall.Signal }

func (s Stopped) Error() string {
	return fmt.Sprintf("stopped by signal %d (%s)", int(s.Signal), s.Signal)
}

func (s Stopped) exitCode() int { return 128 + int(s.Signal) }

// NotifyContext returns a context that the first SIGINT or SIGTERM cancels, with a [Stopped] as its cause. A second
// signal kills the process at once. The returned function cancels the context and stops listening for signals.
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
