package registry

import (
	"slices"
	"strings"
	"testing"
)

var numbers = map[string]int{"two": 2, "one": 1, "three": 3}

func TestWhich(t *testing.T) {
	if got := Which(numbers, func(n int) bool { return n%2 == 1 }); !slices.Equal(got, []string{"one", "three"}) {
		t.Errorf("odd: %v", got)
	}
}

func TestFind(t *testing.T) {
	if n, err := Find(numbers, "number", "two"); n != 2 || err != nil {
		t.Errorf("two: %d, %v", n, err)
	}
	for name, want := range map[string]string{
		"four":                    `number "four" is not one of one, three, two`,
		"":                        `number "" is not one of one, three, two`,
		strings.Repeat("x", 1000): `number "` + strings.Repeat("x", 40) + `" is not one of one, three, two`,
	} {
		if n, err := Find(numbers, "number", name); n != 0 || err == nil || err.Error() != want {
			t.Errorf("%q: %d, %v, want %s", name, n, err, want)
		}
	}
}
