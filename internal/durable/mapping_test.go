//go:build unix

package durable

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestMap(t *testing.T) {
	folder := t.TempDir()
	for _, content := range []string{"", "x", "many words"} {
		path := filepath.Join(folder, "corpus.txt")
		write(t, path, content)
		mapping, err := Map(path)
		if err != nil {
			t.Fatal(err)
		}
		if string(mapping.Bytes) != content {
			t.Errorf("mapped %q, want %q", mapping.Bytes, content)
		}
		for range 2 {
			if err := mapping.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestMapOutlivesReplacement(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dataset")
	write(t, path, "old")
	mapping, err := Map(path)
	if err != nil {
		t.Fatal(err)
	}
	defer mapping.Close()
	file := create(t, path)
	if err := file.Commit(); err != nil {
		t.Fatal(err)
	}
	if string(mapping.Bytes) != "old" {
		t.Errorf("the mapping changed to %q", mapping.Bytes)
	}
}

func TestMapRefuses(t *testing.T) {
	folder := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(folder, "pipe"), 0o666); err != nil {
		t.Fatal(err)
	}
	for path, message := range map[string]string{
		folder:           "open " + folder + ": it is a folder, not a file",
		folder + "/none": "open " + folder + "/none: no such file or directory",
		folder + "/pipe": "open " + folder + "/pipe: it is a pipe, not a file",
	} {
		if _, err := Map(path); err == nil || err.Error() != message {
			t.Errorf("Map: %v, want %s", err, message)
		}
	}
}

// TestShortened truncates a file while it is mapped.
func TestShortened(t *testing.T) {
	path := filepath.Join(t.TempDir(), "corpus.txt")
	write(t, path, strings.Repeat("many words ", 10_000))
	mapping, err := Map(path)
	if err != nil {
		t.Fatal(err)
	}
	defer mapping.Close()
	sum := func() (sum int, err error) {
		defer Recover(&err, Guard())
		for _, b := range mapping.Bytes {
			sum += int(b)
		}
		return sum, nil
	}
	watched, err := Map(path)
	if err != nil {
		t.Fatal(err)
	}
	defer watched.Close()
	if err := watched.Watch(); err != nil || watched.Shortened() != nil {
		t.Errorf("watched: %v, %v", err, watched.Shortened())
	}
	if _, err := sum(); err != nil || mapping.Changed() != nil || mapping.Shortened() != nil {
		t.Errorf("before: %v, %v, %v", err, mapping.Changed(), mapping.Shortened())
	}
	if err := os.Truncate(path, 100); err != nil {
		t.Fatal(err)
	}
	want := "read " + path + ": it cannot be read any more: another program shortened it, or the disk failed"
	if _, err := sum(); err == nil || err.Error() != want {
		t.Errorf("read: %v, want %s", err, want)
	}
	want = "read " + path + ": another program shortened it while it was being read"
	for _, err := range []error{mapping.Changed(), mapping.Shortened(), watched.Changed(), watched.Shortened()} {
		if err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if err := os.WriteFile(path, make([]byte, 200_000), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := mapping.Changed(); err == nil || !strings.Contains(err.Error(), "changed it") || mapping.Shortened() != nil {
		t.Errorf("rewritten: %v, %v", err, mapping.Shortened())
	}
}

// TestGuardPassesOtherPanics keeps the crashes of bugs.
func TestGuardPassesOtherPanics(t *testing.T) {
	for _, bug := range []func(){func() { panic("bug") }, func() { var p *int; *p = 1 }} {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic was swallowed")
				}
			}()
			var err error
			defer Recover(&err, Guard())
			bug()
		}()
	}
}
