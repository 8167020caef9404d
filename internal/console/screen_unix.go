//go:build unix

package console

import (
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// inForeground reports whether the program may use its terminal: a shell has not put it into the background.
func inForeground(terminal *os.File) bool {
	group, err := unix.IoctlGetInt(int(terminal.Fd()), unix.TIOCGPGRP)
	return err != nil || group == unix.Getpgrp()
}

// clearsWhenSuspended clears the status line when Ctrl-Z stops the program, until the returned function is called.
func clearsWhenSuspended(s *screen) (end func()) {
	if signal.Ignored(syscall.SIGTSTP) {
		return func() {}
	}
	stops, goesOn, ended := make(chan os.Signal, 1), make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(stops, syscall.SIGTSTP)
	go func() {
		for {
			select {
			case <-ended:
				return
			case <-stops:
			}
			s.show("")
			signal.Notify(goesOn, syscall.SIGCONT)
			signal.Reset(syscall.SIGTSTP)
			_ = unix.Kill(os.Getpid(), unix.SIGTSTP)
			select {
			case <-goesOn:
			case <-time.After(time.Second): // nothing that could continue it: the signal was dropped
			}
			signal.Stop(goesOn)
			s.forget()
			signal.Notify(stops, syscall.SIGTSTP)
		}
	}()
	return func() {
		signal.Stop(stops)
		close(ended)
	}
}
