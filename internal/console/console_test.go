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

// clock is a time that advances only when the test says so.
type clock struct{ now time.Time }

func (c *clock) time() time.Time { return c.now }

func TestStatusWithoutATerminal(t *testing.T) {
	var printed strings.Builder
	s := NewStatus(&printed)
	c := &clock{time.Date(2026, 11, 22, 19, 25, 35, 0, time.UTC)}
	s.now, s.last = c.time, c.now
	for range 25 { // a line after 10 seconds and one after 20
		c.now = c.now.Add(time.Second)
		s.Update("Build    46%")
	}
	s.Done("Dataset  dataset.pt")
	s.Done("")
	want := "19:25:45 Build    46%\n19:25:55 Build    46%\nDataset  dataset.pt\n"
	if printed.String() != want {
		t.Errorf("got %q, want %q", printed.String(), want)
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
	} {
		if got := cut(test.text, test.columns); got != test.want {
			t.Errorf("cut(%q, %d) is %q, want %q", test.text, test.columns, got, test.want)
		}
	}
}
