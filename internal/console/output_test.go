package console

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"syscall"
	"testing"
)

// failing is a stream that fails after some writes.
type failing struct {
	strings.Builder
	left int
	err  error
}

func (f *failing) Write(data []byte) (int, error) {
	if f.left--; f.left < 0 {
		return 0, &fs.PathError{Op: "write", Path: "/dev/stdout", Err: f.err}
	}
	return f.Builder.Write(data)
}

// TestOutputDrops: what cannot be written is dropped, and the exit code says so. A reader that has gone is not worth a word.
func TestOutputDrops(t *testing.T) {
	for cause, code := range map[syscall.Errno]int{syscall.EPIPE: 141, syscall.ENOSPC: 1} {
		stream := &failing{left: 2, err: cause}
		out, _ := NewOutputs(stream, io.Discard)
		for i := range 5 {
			if _, err := fmt.Fprintln(out, i); err != nil {
				t.Fatal(err)
			}
		}
		var said strings.Builder
		if got := Report(&said, errors.Join(nil, out.Err())); got != code {
			t.Errorf("%v: exit code %d, want %d", cause, got, code)
		}
		want := ""
		if cause == syscall.ENOSPC {
			want = fmt.Sprintf("uer: error: standard output could not be written (%v); what came after that is lost\n", cause)
		}
		if stream.String() != "0\n1\n" || said.String() != want {
			t.Errorf("%v: wrote %q, said %q", cause, stream.String(), said.String())
		}
	}
	if err := NewStatus(&failing{left: 1}).out.Err(); err != nil {
		t.Error(err)
	}
}
