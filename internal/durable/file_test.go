//go:build unix

package durable

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
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
	file, err := Create(path, Replaceable)
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

	expectContent(t, path, "old", filepath.Base(file.file.Name()))
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
	err := WriteFile(path, Replaceable, func(w io.Writer) error {
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
	err = WriteFile(path, Replaceable, func(w io.Writer) error {
		_, _ = io.WriteString(w, "half")
		return cause
	})
	if err != cause {
		t.Errorf("error %v, want the callback's own", err)
	}
	func() {
		defer func() { _ = recover() }()
		_ = WriteFile(path, Replaceable, func(io.Writer) error { panic("bug") })
	}()
	expectContent(t, path, content)
}

func TestCreateRefuses(t *testing.T) {
	folder := t.TempDir()
	write(t, filepath.Join(folder, "file"), "")
	if err := syscall.Mkfifo(filepath.Join(folder, "pipe"), 0o666); err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{"dangling": "none", "loop": "loop"} {
		if err := os.Symlink(target, filepath.Join(folder, link)); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct{ path, message string }{
		{folder, "create " + folder + ": it is a folder"},
		{folder + "/no/model.bin", "create " + folder + "/no/model.bin: folder " + folder + "/no does not exist"},
		{folder + "/pipe", "create " + folder + "/pipe: it is not a regular file"},
		{folder + "/dangling", "create " + folder + "/dangling: it is a symbolic link to a file that does not exist"},
		{folder + "/loop", "create " + folder + "/loop: too many levels of symbolic links"},
		{folder + "/file", "create " + folder + "/file: it exists already"},
		{"/dev/null", "create /dev/null: it is not a regular file"},
		{folder + "/file/model.bin", "create " + folder + "/file/model.bin: not a directory"},
		{"", `create "": the file name is empty`},
	} {
		if _, err := Create(test.path, nil); err == nil || err.Error() != test.message {
			t.Errorf("Create(%q): %v, want %s", test.path, err, test.message)
		}
		if err := Check(test.path, nil); err == nil || err.Error() != test.message {
			t.Errorf("Check(%q): %v, want %s", test.path, err, test.message)
		}
	}
	_, err := Create(folder+"/no/model.bin", nil)
	missing := (*MissingFolderError)(nil)
	if !errors.As(err, &missing) || missing.Folder != folder+"/no" || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing folder: %#v", err)
	}
	if err := Check(folder+"/new", nil); err != nil {
		t.Error(err)
	}
	expectFiles(t, folder, "file", "pipe", "dangling", "loop")
}

// TestRule replaces only what the rule accepts, also if it appears while the file is written.
func TestRule(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dataset.pt")
	rule := func(path string) error {
		if data, err := os.ReadFile(path); err != nil || string(data) != "ours" {
			return errors.New("not ours")
		}
		return nil
	}
	const message = ": it exists already and is not ours"
	write(t, path, "theirs")
	if _, err := Create(path, rule); err == nil || err.Error() != "create "+path+message {
		t.Errorf("create: %v", err)
	}
	for _, test := range []struct {
		rule    Rule
		appears string
		message string
	}{{nil, "theirs", "create " + path + ": it exists already"}, {rule, "theirs", "create " + path + message}, {rule, "ours", ""}} {
		_ = os.Remove(path)
		file, err := Create(path, test.rule)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(file, "new")
		write(t, path, test.appears)
		err = file.Commit()
		switch {
		case test.message == "":
			if err != nil {
				t.Error(err)
			}
			expectContent(t, path, "new")
		case err == nil || err.Error() != test.message || !errors.Is(err, fs.ErrExist):
			t.Errorf("commit: %v, want %s", err, test.message)
		default:
			expectContent(t, path, test.appears)
		}
	}
}

// TestOtherFilesStay writes beside files and links whose names are those of temporary files elsewhere.
func TestOtherFilesStay(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "c")
	write(t, path+".partial", "a corpus")
	if err := os.Symlink("nowhere", filepath.Join(folder, "c.tmp")); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(path, nil, func(w io.Writer) error { _, err := io.WriteString(w, "new"); return err }); err != nil {
		t.Fatal(err)
	}
	expectContent(t, path, "new", "c.partial", "c.tmp")
	expectContent(t, path+".partial", "a corpus", "c", "c.tmp")
}

func TestTry(t *testing.T) {
	folder := t.TempDir()
	if err := Try(filepath.Join(folder, "model.bin")); err != nil {
		t.Error(err)
	}
	expectFiles(t, folder)
	if err := Try(filepath.Join(folder, "no", "model.bin")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("in a folder that does not exist: %v", err)
	}
	if free, err := Free(filepath.Join(folder, "model.bin")); err != nil || free <= 0 {
		t.Errorf("%d bytes free, %v", free, err)
	}
}

func TestSymbolicLinkStays(t *testing.T) {
	folder, elsewhere := t.TempDir(), t.TempDir()
	write(t, filepath.Join(elsewhere, "real"), "old")
	link := filepath.Join(folder, "link")
	if err := os.Symlink(filepath.Join(elsewhere, "real"), link); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(link, Replaceable, func(w io.Writer) error { _, err := io.WriteString(w, "new"); return err }); err != nil {
		t.Fatal(err)
	}
	expectContent(t, filepath.Join(elsewhere, "real"), "new")
	if info, err := os.Lstat(link); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("the link became %v, %v", info.Mode(), err)
	}
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
	err := WriteFile(path, Replaceable, func(w io.Writer) error {
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

func TestReadFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "vocab.txt")
	write(t, path, strings.Repeat("x", 1<<20))
	if data, err := ReadFile(path, 1<<20); err != nil || len(data) != 1<<20 {
		t.Errorf("%d bytes, %v", len(data), err)
	}
	for _, path := range []string{path, "/dev/zero"} {
		if _, err := ReadFile(path, 1<<20-1); err == nil || !strings.HasPrefix(err.Error(), "read "+path+": it has more than ") {
			t.Error(err)
		}
	}
	if _, err := ReadFile(path+".none", 1); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}
