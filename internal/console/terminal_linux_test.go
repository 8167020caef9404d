package console

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"
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
	screen, tty := openTerminal(t, 30)
	out, talk := NewOutputs(tty, tty)
	s := NewStatus(talk)
	c := drive(s)
	text := "Build  1%"
	end := s.Show(func() string { return text })
	c.advance(patience - time.Millisecond) // too early
	c.advance(time.Millisecond)
	c.advance(0)
	text = "Build  书评语料书评语料书评语料  2%"
	c.advance(terminalInterval)
	c.advance(0)
	if err := unix.IoctlSetWinsize(int(screen.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 13}); err != nil {
		t.Fatal(err)
	}
	c.advance(terminalInterval)
	c.advance(0)
	fmt.Fprint(talk, "Dataset  x\n")
	fmt.Fprint(out, "half ") // of a line, which the status does not disturb
	c.advance(0)
	c.advance(0)
	fmt.Fprint(out, "a line\n")
	c.advance(0)
	c.advance(0)
	end()
	frames := func(text string, times int) string { return strings.Repeat("\r"+text+"\x1b[K", times) }
	want := frames("Build  1%", 2) + frames("Build  书评语料书评语料书评语", 2) + frames("Build  书评", 2) +
		"\r\x1b[KDataset  x\r\n" + "half a line\r\n" + frames("Build  书评", 2) + "\r\x1b[K"
	fmt.Fprint(tty, "$") // marks the end: a read returns whatever the terminal has so far
	got, err := bufio.NewReader(screen).ReadString('$')
	if err != nil || got != want+"$" {
		t.Errorf("got  %q, %v\nwant %q", got, err, want+"$")
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
