package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// session is a command on a pseudo-terminal of its own.
type session struct {
	t       *testing.T
	command *exec.Cmd
	screen  *os.File // what is written here is typed

	mu    sync.Mutex
	shown strings.Builder // all that was written to the terminal
}

// startSession starts uer in a folder, on a terminal with a number of columns.
func startSession(t *testing.T, columns uint16, folder string, variables []string, arguments ...string) *session {
	t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { screen.Close() })
	number, err := unix.IoctlGetUint32(int(screen.Fd()), unix.TIOCGPTN)
	if err := errors.Join(err, unix.IoctlSetPointerInt(int(screen.Fd()), unix.TIOCSPTLCK, 0)); err != nil {
		t.Fatal(err)
	}
	s := &session{t: t, screen: screen}
	s.resize(columns)
	tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer tty.Close()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// The name makes the test binary run uer.
	link := filepath.Join(t.TempDir(), "uer")
	if err := os.Symlink(program, link); err != nil {
		t.Fatal(err)
	}
	// The shell is a session's leader, and gives uer a process group of its own that Ctrl-Z stops without it.
	script := `set -m; "$0" "$@"; code=$?; if [ $code -gt 128 ] && jobs %% >/dev/null 2>&1; then echo STOPPED; read go; fg >/dev/null; code=$?; fi; echo EXIT $code`
	s.command = exec.Command("bash", append([]string{"-c", script, link}, arguments...)...)
	s.command.Dir = folder
	s.command.Env = append(os.Environ(), append([]string{"TERM=xterm", "NO_COLOR=", "CLICOLOR_FORCE="}, variables...)...)
	s.command.Stdin, s.command.Stdout, s.command.Stderr = tty, tty, tty
	s.command.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := s.command.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		buffer := make([]byte, 4096)
		for {
			n, err := screen.Read(buffer)
			s.mu.Lock()
			s.shown.Write(buffer[:n])
			s.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		_ = s.command.Process.Kill()
		_ = s.command.Wait()
	})
	return s
}

func (s *session) resize(columns uint16) {
	s.t.Helper()
	size := &unix.Winsize{Row: 24, Col: columns}
	if err := unix.IoctlSetWinsize(int(s.screen.Fd()), unix.TIOCSWINSZ, size); err != nil {
		s.t.Fatal(err)
	}
}

func (s *session) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shown.String()
}

// await waits until something is on the terminal after a position, and returns where it ends.
func (s *session) await(text string, after int) int {
	s.t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if shown := s.text(); len(shown) > after {
			if i := strings.Index(shown[after:], text); i >= 0 {
				return after + i + len(text)
			}
		}
	}
	s.t.Fatalf("%q did not come; the terminal has\n%q", text, s.text())
	return 0
}

// terminalCorpus makes a dataset in a folder, and returns the settings of a model whose steps take some tenths of a second.
func terminalCorpus(t *testing.T, folder string) []string {
	t.Helper()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n这\n本\n书\n很\n好\n")
	write("corpus.txt", strings.Repeat("这本书很好\n这本书\n很好这本\n", 50))
	s := startSession(t, 80, folder, nil, "preprocess", "--corpus_path", "corpus.txt", "--vocab_path", "vocab.txt", "--target", "mlm",
		"--seq_length", "16")
	s.await("EXIT 0", 0)
	return []string{"pretrain", "--config_path", "", "--vocab_path", "vocab.txt", "--target", "mlm", "--output_model_path", "m",
		"--hidden_act", "gelu", "--emb_size", "256", "--hidden_size", "256", "--feedforward_size", "1024", "--heads_num", "4", "--layers_num", "4",
		"--max_seq_length", "16", "--batch_size", "256", "--total_steps", "200", "--report_steps", "2"}
}

// TestTerminalSession: a training on narrow terminals, one of which is resized, stopped by Ctrl-Z and ended by Ctrl-C.
func TestTerminalSession(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil || testing.Short() {
		t.Skip(err)
	}
	folder := t.TempDir()
	settings := terminalCorpus(t, folder)

	s := startSession(t, 60, folder, nil, settings...)
	at := s.await("\rTrain    ", 0)
	at = s.await("loss", at)
	at = s.await("\x1b[K|        2/     200 steps|", at) // above the status line, which it clears
	at = s.await("\rTrain    ", at)
	checkWidths(t, s.text(), 60)
	s.resize(40)
	before := at
	at = s.await("\rTrain    4/200", at)
	at = s.await("\rTrain    6/200", at)
	checkWidths(t, s.text()[before:], 60)
	checkWidths(t, s.text()[at:], 40)

	if _, err := s.screen.WriteString("\x1a"); err != nil { // Ctrl-Z
		t.Fatal(err)
	}
	at = s.await("STOPPED", at)
	if shown := s.text(); !strings.Contains(shown[strings.LastIndex(shown, "\rTrain"):], "\r\x1b[K") {
		t.Errorf("the line of the status was left behind: %q", shown[strings.LastIndex(shown, "\rTrain"):])
	}
	time.Sleep(300 * time.Millisecond)
	if rest := s.text()[at:]; strings.Contains(rest, "Train") {
		t.Errorf("a stopped training writes %q", rest)
	}
	if _, err := s.screen.WriteString("\n"); err != nil {
		t.Fatal(err)
	}
	at = s.await("\rTrain    ", at)
	if _, err := s.screen.WriteString("\x03"); err != nil { // Ctrl-C
		t.Fatal(err)
	}
	at = s.await("Stopping after this step", at)
	at = s.await("Saved    m-", at)
	at = s.await("Go on    ", at)
	s.await("EXIT 130", at)
}

// TestTerminalWithoutControl: nothing but text goes to a terminal that understands no more, and no colours if they are not
// wanted.
func TestTerminalWithoutControl(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil || testing.Short() {
		t.Skip(err)
	}
	folder := t.TempDir()
	settings := append(terminalCorpus(t, folder), "--total_steps", "8")
	s := startSession(t, 80, folder, []string{"TERM=dumb"}, settings...)
	s.await("EXIT 0", 0)
	if text := s.text(); strings.Contains(text, "\x1b") || strings.Contains(strings.ReplaceAll(text, "\r\n", ""), "\r") {
		t.Errorf("a dumb terminal got %q", text)
	}
	s = startSession(t, 80, folder, []string{"NO_COLOR=1"}, "inspect", "missing")
	s.await("EXIT 1", 0)
	if text := s.text(); strings.Contains(text, "\x1b") {
		t.Errorf("got colours: %q", text)
	}
}

// checkWidths checks that each line fits a number of columns.
func checkWidths(t *testing.T, text string, columns int) {
	t.Helper()
	for _, line := range strings.FieldsFunc(text, func(r rune) bool { return r == '\r' || r == '\n' }) {
		line = strings.ReplaceAll(line, "\x1b[K", "")
		if n := len([]rune(line)); n > columns && !strings.Contains(line, "uer pretrain") {
			t.Errorf("%d columns: %q", n, line)
		}
	}
}
