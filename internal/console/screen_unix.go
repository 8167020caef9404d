//go:build unix

package console

import (
	"os"
	"os/signal"
	"syscall"

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
	stops, ended := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(stops, syscall.SIGTSTP)
	go func() {
		for {
			select {
			case <-ended:
				return
			case <-stops:
				s.suspend()
			}
		}
	}()
	return func() {
		signal.Stop(stops)
		close(ended)
	}
}

// suspend stops the program as SIGTSTP does by default: not if there is no shell that could continue it. Nothing is written
// until it goes on.
func (s *screen) suspend() {
	own, _ := unix.Getsid(0)
	if parent, err := unix.Getsid(os.Getppid()); err != nil || parent != own {
		return
	}
	goesOn := make(chan os.Signal, 1)
	signal.Notify(goesOn, syscall.SIGCONT)
	defer signal.Stop(goesOn)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.status != "" {
		_, _ = s.file.WriteString(eraseLine)
		s.status = ""
	}
	if unix.Kill(os.Getpid(), unix.SIGSTOP) == nil {
		<-goesOn
	}
}
