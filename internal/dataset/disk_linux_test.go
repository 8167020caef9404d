package dataset

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestDiskFull(t *testing.T) {
	folder := t.TempDir()
	if err := syscall.Mount("tmpfs", folder, "tmpfs", 0, "size=64k"); err != nil {
		t.Skip("cannot mount a small disk:", err)
	}
	defer func() { _ = syscall.Unmount(folder, 0) }()
	path := filepath.Join(folder, "d")
	w, err := Create(path, mlmMetadata())
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range mlmInstances(100_000) {
		if err = w.Append(x); err != nil {
			break
		}
	}
	if err == nil {
		err = w.Close(Totals{})
	}
	w.Abort()
	if want := "write " + path + ": no space left on device"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	if entries, _ := os.ReadDir(folder); len(entries) > 0 {
		t.Errorf("%s is left", entries[0].Name())
	}
}
