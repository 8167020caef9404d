//go:build gpu

package cuda

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestChoices(t *testing.T) {
	path := filepath.Join(t.TempDir(), "folder", "products")
	one, err := OpenChoices(path)
	if err != nil {
		t.Fatal(err)
	}
	other, err := OpenChoices(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := one.find("a class"); ok {
		t.Error("an empty file has a choice")
	}
	keep := func(c *Choices, class string, measured, want byte) {
		t.Helper()
		got, err := c.keep(class, choice{measured})
		if err != nil || got != (choice{want}) {
			t.Errorf("%s: choice %d holds, error %v; want %d", class, got[0], err, want)
		}
	}
	keep(one, "a class", 1, 1)
	keep(other, "a class", 2, 1) // the first one holds
	keep(other, "another", 3, 3)
	keep(one, "another", 4, 3)
	keep(one, "a third", 5, 5)

	// A line that was torn, and others that are damaged, do no harm.
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteString("00\n" + strings.Repeat("zz", 64) + " damaged\n" + strings.Repeat("0", 100)); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	keep(one, "after it", 6, 6)
	again, err := OpenChoices(path)
	if err != nil {
		t.Fatal(err)
	}
	for class, want := range map[string]byte{"a class": 1, "another": 3, "a third": 5, "after it": 6} {
		if got, ok := again.find(class); !ok || got != (choice{want}) {
			t.Errorf("%s: choice %d, found: %v; want %d", class, got[0], ok, want)
		}
	}
	if len(again.known) != 4 {
		t.Errorf("%d classes, want 4", len(again.known))
	}
}

func TestChoicesNowhere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenChoices(filepath.Join(path, "products")); err == nil {
		t.Error("no error for a folder that cannot be made")
	}
}
