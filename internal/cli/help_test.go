package cli

import (
	"strings"
	"testing"
)

func TestWrap(t *testing.T) {
	for _, test := range []struct {
		text  string
		width int
		want  string
	}{
		{"", 5, ""}, {"a b c", 5, "a b c"}, {"a b c", 4, "a b|c"}, {"abcdef b", 3, "abcdef|b"}, {"abc de", 3, "abc|de"},
	} {
		if got := strings.Join(wrap(test.text, test.width), "|"); got != test.want {
			t.Errorf("wrap(%q, %d) is %q, want %q", test.text, test.width, got, test.want)
		}
	}
}
