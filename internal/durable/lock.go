package durable

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// Lock keeps other processes from an output for the whole of a run. It is a file beside the output, which names the
// process, and which the system unlocks when the process ends, however it ends.
type Lock struct {
	Removed []string // temporary files of dead runs that were removed

	file *os.File
}

// LockedError means that another process has locked an output.
type LockedError struct {
	Path   string
	Holder string // which one, such as "process 4711 on gpu3: uer pretrain ..."
}

func (e *LockedError) Error() string {
	return fmt.Sprintf("%s is being written by %s", e.Path, e.Holder)
}

// lockMark is the first line of the file of a lock.
const lockMark = "lock of uer\n"

// Acquire locks the output at path, which may be the prefix of the names of several files: path and path-SUFFIX. It then
// removes the temporary files that dead runs have left there. Where the file system has no locks, only processes of this
// machine notice each other.
func Acquire(path string) (*Lock, error) {
	if final, err := resolve(path); err == nil {
		path = final
	} else if folder := CheckFolder(path); folder != nil {
		return nil, folder
	}
	name := path + ".uer-lock"
	for range lockTries {
		file, err := openHere(name, os.O_RDWR|os.O_CREATE, 0o666)
		if err != nil {
			return nil, named("lock", path, fmt.Errorf("%s: %w", name, bare(err)))
		}
		l := &Lock{file: file}
		err = l.take(path, name)
		if err == nil && sameFile(file, name) {
			l.Removed = removeLeftovers(path)
			return l, nil
		}
		_ = file.Close()
		if err != nil {
			return nil, err
		}
		// The process that had the lock has just removed it.
	}
	return nil, named("lock", path, errLost)
}

// take locks the open file and writes who has it.
func (l *Lock) take(path, name string) error {
	info, err := l.file.Stat()
	if err != nil {
		return named("lock", path, err)
	}
	const limit = 8 << 10
	content, err := io.ReadAll(io.NewSectionReader(l.file, 0, limit))
	if !info.Mode().IsRegular() || err != nil || len(content) > 0 && !strings.HasPrefix(string(content), lockMark) {
		return named("lock", path, fmt.Errorf("%s is in the way, and is not a lock of uer", name))
	}
	holder := strings.TrimSpace(strings.TrimPrefix(string(content), lockMark))
	err = lock(l.file)
	if errors.Is(err, errLocked) || errors.Is(err, errNoLocks) && runsHere(holder) {
		if holder == "" {
			holder = "another process"
		}
		return &LockedError{path, holder}
	}
	if err != nil && !errors.Is(err, errNoLocks) {
		return named("lock", path, err)
	}
	if err := l.file.Truncate(0); err != nil {
		return named("lock", path, err)
	}
	_, err = l.file.WriteAt([]byte(lockMark+thisProcess()+"\n"), 0)
	return named("lock", path, err)
}

// Release ends the lock and removes its file. A second call does nothing, nor does one of a nil lock.
func (l *Lock) Release() {
	if l == nil || l.file == nil {
		return
	}
	_ = os.Remove(l.file.Name()) // while it is locked, so that nobody else's is removed
	_ = l.file.Close()
	l.file = nil
}

// thisProcess describes this process to whoever finds its lock.
func thisProcess() string {
	const longest = 500
	host, err := os.Hostname()
	if err != nil {
		host = "an unknown machine"
	}
	command := strings.Join(strings.Fields(strings.Join(os.Args, " ")), " ")
	if len(command) > longest {
		command = strings.ToValidUTF8(command[:longest], "") + "…"
	}
	return fmt.Sprintf("process %d on %s since %s: %s", os.Getpid(), host, time.Now().Format(time.DateTime), command)
}

// runsHere reports whether a description is that of another process of this machine that is still running.
func runsHere(description string) bool {
	var pid int
	var host string
	if n, _ := fmt.Sscanf(description, "process %d on %s", &pid, &host); n != 2 || pid < 1 || pid == os.Getpid() {
		return false
	}
	here, err := os.Hostname()
	return err == nil && here == host && isRunning(pid)
}
