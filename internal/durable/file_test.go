package durable

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// write writes an ordinary file for a test to start from.
func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
		t.Fatal(err)
	}
}

func create(t *testing.T, path string) *File {
	t.Helper()
	file, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(file.Abort)
	return file
}

// expectContent checks that path holds content and that the folder holds nothing but the named files.
func expectContent(t *testing.T, path, content string, names ...string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(data) != content {
		t.Errorf("%s holds %q, want %q", filepath.Base(path), data, content)
	}
	expectFiles(t, filepath.Dir(path), append(names, filepath.Base(path))...)
}

func expectFiles(t *testing.T, folder string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	allowed := map[string]bool{}
	for _, name := range names {
		allowed[name] = true
	}
	for _, entry := range entries {
		if !allowed[entry.Name()] {
			t.Errorf("%s was left in the folder", entry.Name())
		}
	}
}

func TestCommitReplacesOnlyAtTheEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "model.bin")
	write(t, path, "old")
	file := create(t, path)
	if _, err := file.Write([]byte("news")); err != nil {
		t.Fatal(err)
	}

	expectContent(t, path, "old", "model.bin.partial")
	if err := file.Commit(); err != nil {
		t.Fatal(err)
	}
	expectContent(t, path, "news")
	file.Abort()
	expectContent(t, path, "news")
	if err := file.Commit(); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("second commit: %v", err)
	}
}

func TestNewFileHasOrdinaryPermissions(t *testing.T) {
	folder := t.TempDir()
	write(t, filepath.Join(folder, "ordinary"), "")
	file := create(t, filepath.Join(folder, "durable"))
	if err := file.Commit(); err != nil {
		t.Fatal(err)
	}
	want, err := os.Stat(filepath.Join(folder, "ordinary"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.Stat(filepath.Join(folder, "durable"))
	if err != nil {
		t.Fatal(err)
	}
	if got.Mode() != want.Mode() {
		t.Errorf("mode %v, want %v", got.Mode(), want.Mode())
	}
}

func TestAbortLeavesTheOldFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "model.bin")
	write(t, path, "old")
	file := create(t, path)
	if _, err := file.Write([]byte("new")); err != nil {
		t.Fatal(err)
	}
	file.Abort()
	expectContent(t, path, "old")
}

func TestWriteFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "vocab.txt")
	content := strings.Repeat("令牌\n", 500_000) // larger than the buffer
	err := WriteFile(path, func(w io.Writer) error {
		_, err := io.Copy(w, strings.NewReader(content))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(data, []byte(content)) {
		t.Errorf("read back %d bytes, %v, want %d", len(data), err, len(content))
	}

	cause := errors.New("out of tokens")
	err = WriteFile(path, func(w io.Writer) error {
		_, _ = io.WriteString(w, "half")
		return cause
	})
	if err != cause {
		t.Errorf("error %v, want the callback's own", err)
	}
	func() {
		defer func() { _ = recover() }()
		_ = WriteFile(path, func(io.Writer) error { panic("bug") })
	}()
	expectContent(t, path, content)
}

func TestCreateRefuses(t *testing.T) {
	folder := t.TempDir()
	write(t, filepath.Join(folder, "file"), "")
	if err := syscall.Mkfifo(filepath.Join(folder, "pipe"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ path, message string }{
		{folder, "create " + folder + ": it is a folder"},
		{folder + "/no/model.bin", "create " + folder + "/no/model.bin: folder " + folder + "/no does not exist"},
		{folder + "/pipe", "create " + folder + "/pipe: it is not a regular file"},
		{"/dev/null", "create /dev/null: it is not a regular file"},
		{folder + "/file/model.bin", "create " + folder + "/file/model.bin: not a directory"},
		{"", `create "": the file name is empty`},
	} {
		if _, err := Create(test.path); err == nil || err.Error() != test.message {
			t.Errorf("Create(%q): %v, want %s", test.path, err, test.message)
		}
		if err := Check(test.path); err == nil || err.Error() != test.message {
			t.Errorf("Check(%q): %v, want %s", test.path, err, test.message)
		}
	}
	_, err := Create(folder + "/no/model.bin")
	missing := (*MissingFolderError)(nil)
	if !errors.As(err, &missing) || missing.Folder != folder+"/no" || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing folder: %#v", err)
	}
	if err := Check(folder + "/new"); err != nil {
		t.Error(err)
	}
	expectFiles(t, folder, "file", "pipe")
}

func TestSymbolicLinkStays(t *testing.T) {
	folder, elsewhere := t.TempDir(), t.TempDir()
	write(t, filepath.Join(elsewhere, "real"), "old")
	link := filepath.Join(folder, "link")
	if err := os.Symlink(filepath.Join(elsewhere, "real"), link); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(link, func(w io.Writer) error { _, err := io.WriteString(w, "new"); return err }); err != nil {
		t.Fatal(err)
	}
	expectContent(t, filepath.Join(elsewhere, "real"), "new")
	if info, err := os.Lstat(link); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("the link became %v, %v", info.Mode(), err)
	}
}

func TestSecondWriterIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "model.bin")
	first := create(t, path)
	if _, err := Create(path); err == nil || !strings.Contains(err.Error(), "being written by another process") {
		t.Errorf("second writer: %v", err)
	}
	if err := first.Commit(); err != nil {
		t.Fatal(err)
	}
	second := create(t, path)
	second.Abort()
	expectContent(t, path, "")
}

// TestFileSizeLimit makes writes fail by limiting the process's file sizes, which unlike a full disk needs no
// privilege.
func TestFileSizeLimit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "model.bin")
	write(t, path, "old")
	signal.Ignore(syscall.SIGXFSZ)
	defer signal.Reset(syscall.SIGXFSZ)
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	small := limit
	small.Cur = 1 << 20
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &small); err != nil {
		t.Skip("cannot limit file sizes:", err)
	}
	err := WriteFile(path, func(w io.Writer) error {
		_, err := w.Write(make([]byte, 2<<20))
		return err
	})
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	if want := "write " + path + ": file too large"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	expectContent(t, path, "old")
}

func TestDiskFull(t *testing.T) {
	folder := t.TempDir()
	if err := syscall.Mount("tmpfs", folder, "tmpfs", 0, "size=64k"); err != nil {
		t.Skip("cannot mount a small disk:", err)
	}
	defer func() {
		if err := syscall.Unmount(folder, 0); err != nil {
			t.Error(err)
		}
	}()
	path := filepath.Join(folder, "model.bin")
	file := create(t, path)
	_, err := file.Write(make([]byte, 1<<20))
	if want := "write " + path + ": no space left on device"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("%v is not ENOSPC", err)
	}
	if again := file.Commit(); again != err {
		t.Errorf("commit after a failed write: %v, want %v", again, err)
	}
	expectFiles(t, folder)
}

// TestKilledWriter kills a process in the middle of a write: the old file stays and the next writer starts from
// scratch.
func TestKilledWriter(t *testing.T) {
	if path := os.Getenv("DURABLE_TEST_PATH"); path != "" {
		file := create(t, path)
		fmt.Fprint(file, strings.Repeat("half a file ", 1000))
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	path := filepath.Join(t.TempDir(), "model.bin")
	write(t, path, "old")
	command := exec.Command(os.Args[0], "-test.run=^TestKilledWriter$")
	command.Env = append(os.Environ(), "DURABLE_TEST_PATH="+path)
	if err := command.Run(); err == nil {
		t.Fatal("the writer was not killed")
	}
	expectContent(t, path, "old", "model.bin.partial")
	if info, err := os.Stat(path + ".partial"); err != nil || info.Size() == 0 {
		t.Fatalf("the killed process left nothing: %v", err)
	}
	file := create(t, path)
	fmt.Fprint(file, "new")
	if err := file.Commit(); err != nil {
		t.Fatal(err)
	}
	expectContent(t, path, "new")
}
