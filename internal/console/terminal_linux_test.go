package console

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// openTerminal creates a pseudo-terminal with a number of columns. What is written to tty can be read from screen.
func openTerminal(t *testing.T, columns uint16) (screen, tty *os.File) {
	t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { screen.Close() })
	fd := int(screen.Fd())
	number, err := unix.IoctlGetUint32(fd, unix.TIOCGPTN)
	if err := errors.Join(err, unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0),
		unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: columns})); err != nil {
		t.Fatal(err)
	}
	tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tty.Close() })
	return screen, tty
}

func TestStatusOnATerminal(t *testing.T) {
	t.Setenv("TERM", "xterm")
	screen, tty := openTerminal(t, 10)
	s := NewStatus(tty)
	c := &clock{time.Date(2026, 11, 22, 19, 25, 35, 0, time.UTC)}
	s.now = c.time
	for _, text := range []string{"Build 1%", "too early", "Build 书评语料 2%"} {
		s.Update(text)
		c.now = c.now.Add(60 * time.Millisecond)
	}
	s.Done("Dataset  x")
	s.Update("Next")
	s.Done("")
	want := "\rBuild 1%\x1b[K" + "\rBuild 书\x1b[K" + "\r\x1b[KDataset  x\r\n" + "\rNext\x1b[K" + "\r\x1b[K"
	fmt.Fprint(tty, "$") // marks the end: a read returns whatever the terminal has so far
	got, err := bufio.NewReader(screen).ReadString('$')
	if err != nil || got != want+"$" {
		t.Errorf("got %q, %v, want %q", got, err, want+"$")
	}
}

func TestColorsOnATerminal(t *testing.T) {
	_, tty := openTerminal(t, 80)
	for _, test := range []struct {
		term, none string
		want       bool
	}{
		{"xterm", "", true}, {"xterm", "1", false}, {"dumb", "", false},
	} {
		t.Setenv("TERM", test.term)
		t.Setenv("NO_COLOR", test.none)
		t.Setenv("CLICOLOR_FORCE", "")
		if got := colored(tty); got != test.want {
			t.Errorf("TERM=%s NO_COLOR=%s: coloured is %v", test.term, test.none, got)
		}
	}
}
