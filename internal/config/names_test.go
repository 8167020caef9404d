package config

import (
	"os"
	"strings"
	"testing"
)

// TestNamesOfUERpyAreDocumented checks that the document for users of UER-py names each of its flags and keys.
func TestNamesOfUERpyAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/from-uer-py.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range uerNames {
		if !strings.Contains(string(text), "`--"+name+"`") && !strings.Contains(string(text), "`--"+name+" ") {
			t.Errorf("docs/from-uer-py.md does not name --%s", name)
		}
	}
}
