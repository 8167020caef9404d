package tokenizer

import (
	"os"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"

	"uer/internal/vocab"
)

var maxWordLength = ofUER.maxWord()

// byDefinition is BERT's tokenizer written step by step, regardless of speed.
func byDefinition(v *vocab.Vocabulary, text string) []int32 {
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || r == '\n' || r == '\r' || unicode.Is(unicode.Zs, r):
			return ' '
		case r == unicode.ReplacementChar || unicode.In(r, unicode.Cc, unicode.Cf):
			return -1
		}
		return r
	}, text)
	ids := []int32{}
	for _, piece := range strings.FieldsFunc(spaced(text, ofUER.isIdeograph), vocab.IsSpace) {
		lower := norm.NFD.String(string(appendLower(nil, []rune(piece))))
		bare := strings.Map(func(r rune) rune {
			if unicode.Is(unicode.Mn, r) {
				return -1
			}
			return r
		}, lower)
		for _, word := range strings.Fields(spaced(bare, ofUER.isPunctuation)) {
			ids = append(ids, wordPieces(v, []rune(word))...)
		}
	}
	return ids
}

func spaced(text string, apart func(rune) bool) string {
	var b strings.Builder
	for _, r := range text {
		if apart(r) {
			b.WriteString(" " + string(r) + " ")
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func wordPieces(v *vocab.Vocabulary, word []rune) []int32 {
	unknown := []int32{v.Unknown}
	if len(word) > maxWordLength {
		return unknown
	}
	var ids []int32
	for from := 0; from < len(word); {
		prefix := ""
		if from > 0 {
			prefix = continuation
		}
		end := len(word)
		for ; end > from; end-- {
			if id, found := v.Lookup(prefix + string(word[from:end])); found {
				ids = append(ids, id)
				break
			}
		}
		if end == from {
			return unknown
		}
		from = end
	}
	return ids
}

// characters draws text of many kinds of characters, including some whose normal form depends on their neighbours.
var characters = rapid.StringOf(rapid.RuneFrom(
	[]rune("aAbBszÁ中文豈한йΣΣİ .,!'\u0301\u302e\u200d\n\t\u3000\u2028😀0₩"), unicode.Latin, unicode.Greek, unicode.Han, unicode.Hangul, unicode.P, unicode.M))

// everyCharacter returns a vocabulary with all characters that may remain after normalisation, and some longer tokens.
func everyCharacter(t testing.TB) *vocab.Vocabulary {
	file := []byte("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nab\n##ab\nabab\n##ba\n##ss\nzss\n")
	for r := rune(0x21); r < tabulated; r++ {
		if !vocab.IsSpace(r) && utf8.ValidRune(r) && norm.NFD.String(string(r)) == string(r) {
			file = append(file, string(r)+"\n##"+string(r)+"\n"...)
		}
	}
	v, err := vocab.Parse("test", file, vocab.Special{})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestBertFollowsItsDefinition(t *testing.T) {
	for _, v := range []*vocab.Vocabulary{everyCharacter(t), vocabulary(t, "testdata/vocab.txt")} {
		bert := ByName["bert"](v).New()
		rapid.Check(t, func(t *rapid.T) {
			text := rapid.OneOf(characters, rapid.String()).Draw(t, "text")
			if got, want := bert.AppendIDs(nil, text), byDefinition(v, text); !slices.Equal(got, want) {
				t.Fatalf("%+q\n got %q\nwant %q", text, tokens(v, got), tokens(v, want))
			}
		})
	}
}

func TestPiecesCoverTheText(t *testing.T) {
	v := everyCharacter(t)
	tokenizers := map[string]Tokenizer{}
	for name, make := range ByName {
		tokenizers[name] = make(v).New()
	}
	common := rapid.StringOf(rapid.RuneFrom([]rune("ab中文.,! \t"), unicode.Han, unicode.Cyrillic))
	rapid.Check(t, func(t *rapid.T) {
		text := common.Draw(t, "text")
		covered := string(ofUER.stripped([]byte(strings.ToLower(strings.Join(strings.Fields(text), "")))))
		var pieces strings.Builder
		for _, token := range tokens(v, tokenizers["bert"].AppendIDs(nil, text)) {
			pieces.WriteString(strings.TrimPrefix(token, continuation))
		}
		if got := pieces.String(); got != covered && !strings.Contains(got, "[UNK]") {
			t.Fatalf("pieces of %q\n make %q\n want %q", text, got, covered)
		}
		trimmed := strings.TrimSpace(text)
		if got, want := len(tokenizers["char"].AppendIDs(nil, text)), utf8.RuneCountInString(trimmed); got != want {
			t.Fatalf("char makes %d tokens of %q, want %d", got, text, want)
		}
		want := len(strings.Fields(text))
		if got := len(tokenizers["space"].AppendIDs(nil, text)); got != want {
			t.Fatalf("space makes %d tokens of %q, want %d", got, text, want)
		}
	})
}

func TestAppendKeepsWhatIsThere(t *testing.T) {
	v := vocabulary(t, "testdata/vocab.txt")
	for name, make := range ByName {
		tokenizer := make(v).New()
		rapid.Check(t, func(t *rapid.T) {
			left, right := characters.Draw(t, "left"), characters.Draw(t, "right")
			before := tokenizer.AppendIDs(nil, left)
			both := tokenizer.AppendIDs(slices.Clone(before), right)
			if want := slices.Concat(before, tokenizer.AppendIDs(nil, right)); !slices.Equal(both, want) {
				t.Fatalf("%s: %q after %q gives %d, want %d", name, right, left, both, want)
			}

		})
	}
}

func TestLongWords(t *testing.T) {
	v := vocabulary(t, "testdata/vocab.txt")
	for _, c := range []struct {
		text string
		ids  int
	}{
		{strings.Repeat("今", maxWordLength+1), maxWordLength + 1}, // each a word by itself
		{"program" + strings.Repeat("s", maxWordLength-6), 1},     // one character too long
		{strings.Repeat("e\u0301", 3*maxWordLength), 1},
	} {
		if got := ByName["bert"](v).New().AppendIDs(nil, c.text); len(got) != c.ids {
			t.Errorf("%.20s...: %d ids, want %d", c.text, len(got), c.ids)
		}
	}
	every := ByName["bert"](everyCharacter(t)).New()
	for length, want := range map[int]int{maxWordLength: maxWordLength, maxWordLength + 1: 1} {
		if got := every.AppendIDs(nil, strings.Repeat("é", length)); len(got) != want {
			t.Errorf("a word of %d characters gives %d ids, want %d", length, len(got), want)
		}
		if got := every.AppendIDs(nil, strings.Repeat("ж", length)); len(got) != want {
			t.Errorf("a word of %d characters of two bytes gives %d ids, want %d", length, len(got), want)
		}
	}
}

func TestNothingIsAllocated(t *testing.T) {
	v := vocabulary(t, "testdata/vocab.txt")
	text := strings.Repeat("今天的天气很好，我们去公园散步。Hello World 200 Café Привет! ", 50)
	ids := make([]int32, 0, len(text))
	for name, make := range ByName {
		tokenizer := make(v).New()
		if n := testing.AllocsPerRun(10, func() { tokenizer.AppendIDs(ids, text) }); n != 0 {
			t.Errorf("%s: %v allocations for a text", name, n)
		}
	}
}

func FuzzTokenizers(f *testing.F) {
	v := vocabulary(f, "testdata/vocab.txt")
	for _, seed := range []string{"", " ", "今天 Hello", "\xff\xfe", "ΑΣ'Σ", "x\u302e\u0301", "İ", "##a", "[MASK]", "a\x00b\ufffd"} {
		f.Add(seed)
	}
	tokenizers := map[string]Tokenizer{}
	for name, make := range ByName {
		tokenizers[name] = make(v).New()
	}
	f.Fuzz(func(t *testing.T, text string) {
		for name, tokenizer := range tokenizers {
			for _, id := range tokenizer.AppendIDs(nil, text) {
				if id < 0 || int(id) >= v.Size() {
					t.Errorf("%s: id %d of %q", name, id, text)
				}
			}
		}
		if got, want := tokenizers["bert"].AppendIDs(nil, text), byDefinition(v, text); !slices.Equal(got, want) {
			t.Errorf("%+q\n got %q\nwant %q", text, tokens(v, got), tokens(v, want))
		}
	})
}

func BenchmarkTokenizers(b *testing.B) {
	demo, err := os.ReadFile("../../corpora/demo.txt")
	if err != nil {
		b.Fatal(err)
	}
	texts := map[string]string{
		"chinese":     strings.Repeat(string(demo), 12),
		"english":     strings.Repeat("The quick brown fox jumps over the lazy dog, and 1234 more unremarkable words follow. ", 4000),
		"russian":     strings.Repeat("Съешь же ещё этих мягких французских булок, да выпей чаю. ", 4000),
		"hexadecimal": strings.Repeat("0f3a9b7c5d2e8f1a4b6c9d0e7f2a5b8c1d4e ", 6000),
	}
	v := vocabulary(b, "../../models/demo_vocab.txt")
	for _, name := range []string{"bert", "char", "space"} {
		for kind, text := range texts {
			tokenizer, ids := ByName[name](v).New(), make([]int32, 0, len(text))
			b.Run(name+"/"+kind, func(b *testing.B) {
				b.SetBytes(int64(len(text)))
				for b.Loop() {
					for line := range strings.Lines(text) {
						ids = tokenizer.AppendIDs(ids[:0], line)
					}
				}
			})
		}
	}
}

func BenchmarkClasses(b *testing.B) {
	for b.Loop() {
		for r := range rune(tabulated) {
			ofUER.classify(r)
		}
	}
}
