package segment

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

const words = "今天 100 t\n天气 50\n今 10\n天 10\n气 5\n很 80\n好 80\n公园 20\n散步 20\n我们 200\n去 90\n散 0\n今天 1\n"

func divided(d *Dictionary, text string) []string {
	var list []string
	start := int32(0)
	for _, end := range d.NewDivider().AppendEnds(nil, []byte(text)) {
		list = append(list, text[start:end])
		start = end
	}
	return list
}

func TestWords(t *testing.T) {
	d, err := parse([]byte(words))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"今天天气很好":     "今天 天气 很 好",
		"我们去公园散步":    "我们 去 公园 散步",
		"今日天气":       "今 日 天气",
		"龘龘":         "龘 龘",
		"":           "",
		"\U00020000": "\U00020000",
	} {
		if got := strings.Join(divided(d, text), " "); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

func TestWordsCoverTheText(t *testing.T) {
	d, err := parse([]byte(words))
	if err != nil {
		t.Fatal(err)
	}
	divider := d.NewDivider()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOf(rapid.OneOf(rapid.SampledFrom([]rune("今天气很好公园散步我们去")), rapid.Rune())).Draw(t, "text")
		ends := divider.AppendEnds(nil, []byte(text))
		if !slices.IsSorted(ends) || text != "" && int(ends[len(ends)-1]) != len(text) {
			t.Fatalf("%q: %d", text, ends)
		}
		for _, end := range ends[:max(len(ends)-1, 0)] {
			if utf8.ValidString(text) && !utf8.RuneStart(text[end]) {
				t.Fatalf("%q: %d divides a character", text, end)
			}
		}
	})
}

func TestBadDictionaries(t *testing.T) {
	for data, want := range map[string]string{
		"":                              "there is no word",
		"今天 x\n":                        `line 1: "x" is not a frequency`,
		"今天 1\n天 -1\n":                  `line 2: "-1" is not a frequency`,
		"今天 NaN\n":                      `line 1: "NaN" is not a frequency`,
		"今天 1\n\xff 1":                  "line 2: not UTF-8",
		strings.Repeat("长", 100) + " 1": "line 1: the word has more than 256 bytes",
	} {
		if _, err := parse([]byte(data)); err == nil || err.Error() != want {
			t.Errorf("%q: error %v, want %s", data, err, want)
		}
	}
}
