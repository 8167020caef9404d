package durable

import (
	"os"
	"path/filepath"
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
	writer, err := os.OpenFile(filepath.Join(folder, "pipe"), os.O_RDWR, 0) // without a writer, opening the pipe would block
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	for path, message := range map[string]string{
		folder:           "open " + folder + ": it is a folder, not a file",
		folder + "/none": "open " + folder + "/none: no such file or directory",
		folder + "/pipe": "open " + folder + "/pipe: it is not a regular file",
	} {
		if _, err := Map(path); err == nil || err.Error() != message {
			t.Errorf("Map: %v, want %s", err, message)
		}
	}
}
