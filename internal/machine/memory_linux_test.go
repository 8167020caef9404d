package machine

import (
	"os"
	"path/filepath"
	"testing"
)

func TestMemory(t *testing.T) {
	free, known := Available()
	if !known || free <= 0 {
		t.Errorf("%d bytes available, %v", free, known)
	}
	before := Resident()
	block := make([]byte, 64<<20)
	for i := 0; i < len(block); i += 4096 {
		block[i] = 1
	}
	if grown := Resident() - before; grown < 32<<20 || before <= 0 {
		t.Errorf("%d bytes, %d more with 64 MiB touched", before, grown)
	}
	_ = block[0]
}

func TestInGroup(t *testing.T) {
	root := t.TempDir()
	for name, content := range map[string]string{
		"a/memory.max": "1000\n", "a/memory.current": "700\n", "a/memory.stat": "anon 5\ninactive_file 50\n",
		"a/b/memory.max": "max\n", "a/b/memory.current": "600\n", "c/d/memory.max": "100\n",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name), []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for group, want := range map[string]int64{"/": 1<<63 - 1, "/a": 350, "/a/b": 350, "/a/none": 350, "/c/d": 100, "/../a": 350} {
		if got := inGroup(root, group); got != want {
			t.Errorf("%s leaves %d, want %d", group, got, want)
		}
	}
	file := filepath.Join(root, "cgroup")
	if err := os.WriteFile(file, []byte("12:cpu:/x\n0::/user.slice\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if group, found := groupOf(file); group != "/user.slice" || !found {
		t.Errorf("%q, %v", group, found)
	}
}
