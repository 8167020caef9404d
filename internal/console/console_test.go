package console

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestReport(t *testing.T) {
	plain := errors.New("corpora/law.txt:18204: not UTF-8: byte 0xff at column 7")
	for _, test := range []struct {
		err  error
		want string
		code int
	}{
		{nil, "", 0},
		{plain, "uer: error: corpora/law.txt:18204: not UTF-8: byte 0xff at column 7\n", 1},
		{Hint(plain, "convert it with iconv"), "uer: error: corpora/law.txt:18204: not UTF-8: byte 0xff at column 7\n" +
			"     hint: convert it with iconv\n", 1},
		{fmt.Errorf("read: %w", Hint(errors.New("inner"), "deep")), "uer: error: read: inner\n     hint: deep\n", 1},
		{Hint(Hint(errors.New("x"), "inner"), "outer"), "uer: error: x\n     hint: outer\n", 1},
		{UsageError{Hint(errors.New("unknown flag: --x"), "did you mean --y?")},
			"uer: error: unknown flag: --x\n     hint: did you mean --y?\n", 2},
		{Hint(UsageError{errors.New("x")}, "y"), "uer: error: x\n     hint: y\n", 2},
		{errors.Join(errors.New("a"), errors.New("b")), "uer: error: a\n     b\n", 1},
		{Stopped{Signal: syscall.SIGINT}, "uer: stopped by signal 2 (interrupt)\n", 130},
		{fmt.Errorf("preprocess: %w", Stopped{Signal: syscall.SIGTERM}), "uer: preprocess: stopped by signal 15 (terminated)\n", 143},
	} {
		var printed strings.Builder
		code := Report(&printed, test.err)
		if printed.String() != test.want || code != test.code {
			t.Errorf("%v: got %q, %d; want %q, %d", test.err, printed.String(), code, test.want, test.code)
		}
	}
}

func TestHintHidesNothing(t *testing.T) {
	cause := &fs.PathError{Op: "open", Path: "x", Err: fs.ErrNotExist}
	err := fmt.Errorf("read: %w", Hint(UsageError{cause}, "create x"))
	var path *fs.PathError
	if !errors.Is(err, fs.ErrNotExist) || !errors.As(err, &path) || path != cause {
		t.Errorf("%v hides %v", err, cause)
	}
	if Hint(nil, "nothing to do") != nil {
		t.Error("a hint turned nil into an error")
	}
}

func TestColors(t *testing.T) {
	for _, test := range []struct {
		none, force string
		want        bool
	}{
		{"", "", false}, {"", "1", true}, {"", "0", false}, {"1", "1", false},
	} {
		t.Setenv("NO_COLOR", test.none)
		t.Setenv("CLICOLOR_FORCE", test.force)
		var printed strings.Builder
		Report(&printed, Hint(errors.New("x"), "y"))
		if got := strings.Contains(printed.String(), "\x1b["); got != test.want {
			t.Errorf("NO_COLOR=%q CLICOLOR_FORCE=%q: %q", test.none, test.force, printed.String())
		}
	}
}

func TestNotifyContext(t *testing.T) {
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for _, sent := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		ctx, stop := NotifyContext(context.Background())
		if err := self.Signal(sent); err != nil {
			t.Fatal(err)
		}
		<-ctx.Done()
		if cause := context.Cause(ctx); cause != (Stopped{Signal: sent}) {
			t.Errorf("cause %v, want signal %v", cause, sent)
		}
		stop()
	}
}

// manual is the time of a status line that advances only when the test says so.
type manual struct {
	status *Status
	at     time.Time
}

// drive returns the time of a status line that has not been used: its own goroutine sees no time pass.
func drive(s *Status) *manual {
	m := &manual{s, time.Now()}
	s.now = func() time.Time { return m.at }
	s.ticks = func(time.Duration) (<-chan time.Time, func()) { return nil, func() {} }
	return m
}

// advance lets time pass and the status line see it.
func (m *manual) advance(d time.Duration) {
	m.at = m.at.Add(d)
	m.status.update()
}

// TestStatusWithoutATerminal: something is said after ten seconds of silence, and not again while nothing changes.
func TestStatusWithoutATerminal(t *testing.T) {
	var stdout, stderr strings.Builder
	out, talk := NewOutputs(&stdout, &stderr)
	s := NewStatus(talk)
	c := drive(s)
	share := 0
	end := s.Show(func() string { return fmt.Sprintf("Build    %d%%", share) })
	for range 25 { // seconds
		if c.at.Sub(out.spoke()) > 15*time.Second {
			share = 46
		}
		c.advance(time.Second)
	}
	end()
	lines := strings.Split(strings.TrimRight(stderr.String(), "\n"), "\n")
	if len(lines) != 2 || !strings.HasSuffix(lines[0], " Build    0%") || !strings.HasSuffix(lines[1], " Build    46%") {
		t.Errorf("said %q", lines)
	}

	stderr.Reset()
	c.at = time.Now()
	end = s.Show(func() string { return "Train    " + c.at.String() })
	for range 8 {
		c.advance(time.Second)
	}
	out.mu.Lock()
	out.last = c.at // a report
	out.mu.Unlock()
	for range 9 {
		c.advance(time.Second)
	}
	end()
	if stderr.String() != "" {
		t.Errorf("said %q although a report was written", stderr.String())
	}
}

// TestStatusOfPhases: what began last is shown, and then again what it was in.
func TestStatusOfPhases(t *testing.T) {
	var printed strings.Builder
	s := NewStatus(&printed)
	c := drive(s)
	endOuter := s.Show(func() string { return "Train" })
	c.advance(time.Minute)
	endInner := s.ShowTime("Save", "m.bin")
	c.advance(time.Minute)
	endInner()
	endInner() // which does nothing
	s.out.mu.Lock()
	s.out.last = time.Time{}
	s.out.mu.Unlock()
	c.advance(time.Minute)
	endOuter()
	want := []string{"Train", "Save     m.bin  1m 00s", "Train"}
	for i, line := range strings.Split(strings.TrimSpace(printed.String()), "\n") {
		if i >= len(want) || line[len("19:25:45 "):] != want[i] {
			t.Errorf("line %d is %q", i, line)
		}
	}
}

// TestFold: lines that people read fit the terminal, and nothing is lost.
func TestFold(t *testing.T) {
	report := "|      100/    5000 steps| 41234.11 tokens/s| loss    3.12| loss_mlm: 2.911| acc_mlm: 0.512| lr 4.00e-06| norm 1.31\n"
	for _, test := range []struct {
		columns    int
		text, want string
	}{
		{200, report, report},
		{80, report, "|      100/    5000 steps| 41234.11 tokens/s| loss    3.12| loss_mlm: 2.911\n  | acc_mlm: 0.512| lr 4.00e-06| norm 1.31\n"},
		{40, report, "|      100/    5000 steps\n  | 41234.11 tokens/s| loss    3.12\n  | loss_mlm: 2.911| acc_mlm: 0.512\n" +
			"  | lr 4.00e-06| norm 1.31\n"},
		{40, "Run      CPU (avx512, fp32, 2 threads), batch 8 x 1\n", "Run      CPU (avx512, fp32, 2 threads),\n         batch 8 x 1\n"},
		{30, "Corpus   书评书评书评书评书评 书评书评\nx", "Corpus   书评书评书评书评书评\n         书评书评\nx"},
		{24, "uer: error: models/x.txt:7: empty\n     hint: remove the line\n",
			"uer: error:\n     models/x.txt:7:\n     empty\n     hint: remove the\n     line\n"},
		{20, "Go on    uer pretrain --resume models/m.bin-9\n", "Go on    uer pretrain --resume models/m.bin-9\n"},
		{20, "Saved    /a/long/path/that/cannot/break\n", "Saved    /a/long/path/that/cannot/break\n"},
		{20, "no label, but a long line of text\n", "no label, but a long line of text\n"},
	} {
		if got := fold(test.text, test.columns); got != test.want {
			t.Errorf("%q in %d columns is\n%q, want\n%q", test.text, test.columns, got, test.want)
		}
	}
}

func TestFormats(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0", 999: "999", 1000: "1,000", 61204: "61,204", 1234567: "1,234,567", -1000: "-1,000", -999: "-999",
	} {
		if got := Count(n); got != want {
			t.Errorf("Count(%d) is %q, want %q", n, got, want)
		}
	}
	for n, want := range map[int64]string{
		0: "0 B", 999: "999 B", 1000: "1.0 kB", 4_100_000: "4.1 MB", 999_960: "1.0 MB", 79_600_000_000: "79.6 GB",
		1<<63 - 1: "9.2 EB",
	} {
		if got := Bytes(n); got != want {
			t.Errorf("Bytes(%d) is %q, want %q", n, got, want)
		}
	}
	for d, want := range map[time.Duration]string{
		0: "0.0 s", 4200 * time.Millisecond: "4.2 s", 59990 * time.Millisecond: "1m 00s", 245 * time.Second: "4m 05s",
		2*time.Hour + 10*time.Minute: "2h 10m", 59*time.Minute + 59*time.Second + 900*time.Millisecond: "1h 00m",
		76 * time.Hour: "3d 04h", 24*time.Hour - time.Second: "1d 00h",
	} {
		if got := Duration(d); got != want {
			t.Errorf("Duration(%v) is %q, want %q", d, got, want)
		}
	}
}

func TestCut(t *testing.T) {
	for _, test := range []struct {
		text    string
		columns int
		want    string
	}{
		{"Build", 5, "Build"}, {"Build", 4, "Buil"}, {"书评.txt", 4, "书评"}, {"书评.txt", 3, "书"}, {"x", 0, ""},
		{"Train  50%  loss 3.12  4m left", 20, "Train  50%"}, {"Train  50%  loss 3.12  4m left", 22, "Train  50%  loss 3.12"},
	} {
		if got := cut(test.text, test.columns); got != test.want {
			t.Errorf("cut(%q, %d) is %q, want %q", test.text, test.columns, got, test.want)
		}
	}
}
