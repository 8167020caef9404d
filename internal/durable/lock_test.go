//go:build unix

package durable

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func acquire(t *testing.T, path string) *Lock {
	t.Helper()
	l, err := Acquire(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Release)
	return l
}

func TestLock(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "model.bin")
	first := acquire(t, path)
	_, err := Acquire(path)
	var locked *LockedError
	if !errors.As(err, &locked) || locked.Path != path ||
		!strings.Contains(locked.Holder, fmt.Sprintf("process %d on ", os.Getpid())) {
		t.Errorf("second lock: %v", err)
	}
	acquire(t, filepath.Join(folder, "other.bin")).Release()
	first.Release()
	first.Release()
	acquire(t, path).Release()
	expectFiles(t, folder)
}

// TestLockThroughLink locks a file under the name of a link to it.
func TestLockThroughLink(t *testing.T) {
	folder, elsewhere := t.TempDir(), t.TempDir()
	write(t, filepath.Join(elsewhere, "real"), "")
	if err := os.Symlink(filepath.Join(elsewhere, "real"), filepath.Join(folder, "link")); err != nil {
		t.Fatal(err)
	}
	acquire(t, filepath.Join(elsewhere, "real"))
	if _, err := Acquire(filepath.Join(folder, "link")); !errors.As(err, new(*LockedError)) {
		t.Errorf("the link is locked apart: %v", err)
	}
}

// TestLockRefuses leaves alone what is not a lock.
func TestLockRefuses(t *testing.T) {
	folder := t.TempDir()
	write(t, filepath.Join(folder, "a.uer-lock"), "my notes")
	if err := os.Symlink("target", filepath.Join(folder, "b.uer-lock")); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(folder, "c.uer-lock"), 0o666); err != nil {
		t.Fatal(err)
	}
	for name, message := range map[string]string{
		"a":    "a.uer-lock is in the way, and is not a lock of uer",
		"b":    "b.uer-lock: too many levels of symbolic links",
		"c":    "c.uer-lock is in the way, and is not a lock of uer",
		"no/d": "folder " + folder + "/no does not exist",
	} {
		if _, err := Acquire(filepath.Join(folder, name)); err == nil || !strings.HasSuffix(err.Error(), message) {
			t.Errorf("%s: %v", name, err)
		}
	}
	expectContent(t, filepath.Join(folder, "a.uer-lock"), "my notes", "b.uer-lock", "c.uer-lock")
}

// TestRunsHere knows the processes of this machine where there are no locks.
func TestRunsHere(t *testing.T) {
	child := exec.Command("sleep", "60")
	if err := child.Start(); err != nil {
		t.Skip(err)
	}
	own := thisProcess()
	other := strings.Replace(own, fmt.Sprint(os.Getpid()), fmt.Sprint(child.Process.Pid), 1)
	if runsHere(own) || !runsHere(other) || runsHere(strings.Replace(other, " on ", " on not-", 1)) || runsHere("") {
		t.Errorf("wrong about %q or %q", own, other)
	}
	_ = child.Process.Kill()
	_ = child.Wait()
	if runsHere(other) {
		t.Errorf("%q has ended", other)
	}
}

// TestKilledWriter kills a process in the middle of a write: the old file stays, and the next process that locks the
// output removes what is left, but not the files of others.
func TestKilledWriter(t *testing.T) {
	if path := os.Getenv("DURABLE_TEST_PATH"); path != "" {
		acquire(t, path)
		file := create(t, path)
		fmt.Fprint(file, strings.Repeat("half a file ", 1000))
		create(t, path+"-10")
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	folder := t.TempDir()
	path := filepath.Join(folder, "model.bin")
	write(t, path, "old")
	others := []string{"model.bin.partial", "model.bin.uer-12.partial", "model.bin2.uer-0123456789abcdef.partial"}
	for _, name := range others {
		write(t, filepath.Join(folder, name), "not ours")
	}
	link := "model.bin.uer-ffffffffffffffff.partial"
	if err := os.Symlink("model.bin.partial", filepath.Join(folder, link)); err != nil {
		t.Fatal(err)
	}
	others = append(others, link)
	command := exec.Command(os.Args[0], "-test.run=^TestKilledWriter$")
	command.Env = append(os.Environ(), "DURABLE_TEST_PATH="+path)
	if err := command.Run(); err == nil {
		t.Fatal("the writer was not killed")
	}
	living := create(t, path+"-20")
	l := acquire(t, path)
	if len(l.Removed) != 2 {
		t.Errorf("removed %q, want two files", l.Removed)
	}
	l.Release()
	expectContent(t, path, "old", append(others, filepath.Base(living.file.Name()))...)
}
