package instance

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"uer/internal/task"
	"uer/internal/tokenizer"
)

// What is cut and what is kept is the text, for every target.
func TestCutIsWhatIsMissing(t *testing.T) {
	v := readVocabulary(t)
	lines := map[task.Form]*rapid.Generator[string]{
		task.DocumentLines: texts, task.SentenceLines: texts,
		task.PairLines:  rapid.StringMatching(`([今天火]{1,20}\t[气天]{1,20}\n){1,5}`),
		task.LabelLines: rapid.StringMatching(`(7\t[今天火]{1,20}(\t[气天]{1,20})?\n){1,5}`),
	}
	for _, target := range testedTargets() {
		t.Run(target, func(t *testing.T) {
			folder := t.TempDir()
			rapid.Check(t, func(t *rapid.T) {
				settings := drawSettings(t, v, target)
				settings.Dynamic, settings.TargetSequenceLength = true, rapid.IntRange(1, 12).Draw(t, "target length")
				settings.LongSentences = rapid.SampledFrom([]string{"cut", "split"}).Draw(t, "long sentences")
				instances, s, err := collect(settings, openText(t, folder, lines[task.ByName[target].Corpus].Draw(t, "text")))
				if err != nil {
					return // there is too little text
				}
				kept := int64(0)
				for _, x := range instances {
					tokens := x.Tokens
					if target == "bert" && x.Label == 1 {
						tokens = tokens[:x.Ends[0]] // the rest is of another document
					}
					for _, id := range slices.Concat(tokens, x.Output) {
						if id != v.Class && id != v.Separator {
							kept++
						}
					}
				}
				if target == "bilm" { // the neighbours of a piece are tokens of other pieces, or special
					kept = s.Text
				}
				if kept+s.Cut != s.Text {
					t.Fatalf("%d tokens in the instances and %d cut, of %d", kept, s.Cut, s.Text)
				}
			})
		})
	}
}

// Sentences that are split lose next to nothing, and none is longer than half an instance.
func TestSplitSentences(t *testing.T) {
	settings := defaults(readVocabulary(t))
	settings.SequenceLength, settings.ShortSequenceProbability, settings.DupFactor = 32, 0, 1
	text := openText(t, t.TempDir(), strings.Repeat(strings.Repeat("今天", 500)+"\n天气\n\n", 10))
	for _, settings.Target = range []string{"bert", "albert"} {
		for split, most := range map[string]float64{"cut": 1, "split": 0.05} {
			settings.LongSentences = split
			_, s, err := collect(settings, text)
			if share := s.CutShare(&settings); err != nil || share > most || split == "cut" && share < 0.9 || s.Long != 10 {
				t.Errorf("%s, %s: %.3f of the text cut, %d long sentences, error %v", settings.Target, split, share, s.Long, err)
			}
		}
	}
}

// Sketches depend on what is added, not on the order or on how it is divided, and survive being stored.
func TestSketchesMerge(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	type item struct {
		hash  uint64
		words []string
	}
	var items []item
	for range 3 * maxSampled {
		x := item{hash: random.Uint64N(1<<17) * 0x9e3779b97f4a7c15}
		if random.IntN(4) == 0 {
			x.words = []string{fmt.Sprint("word", int(10000*math.Pow(random.Float64(), 4))), "火"}
		}
		items = append(items, x)
	}
	add := func(s *Statistics, x item) {
		s.Duplicates.add(x.hash, 1)
		if level := levelOf(x.hash); x.words != nil && s.UnknownWords.document(level) {
			for _, word := range x.words {
				s.UnknownWords.word(level, []byte(word))
			}
			s.UnknownWords.bound()
		}
	}
	var whole, merged Statistics
	for _, x := range items {
		add(&whole, x)
	}
	random.Shuffle(len(items), func(i, j int) { items[i], items[j] = items[j], items[i] })
	for _, part := range [][]item{items[:100], items[100:], nil} { // a small part does not know the level of a large one
		var s, stored Statistics
		for _, x := range part {
			add(&s, x)
		}
		data, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(data, &stored); err != nil {
			t.Fatal(err)
		}
		merged.Add(&stored)
	}
	if !reflect.DeepEqual(merged.Duplicates, whole.Duplicates) {
		t.Errorf("%d duplicates on level %d, want %d on level %d", len(merged.Duplicates.Counts), merged.Duplicates.Level,
			len(whole.Duplicates.Counts), whole.Duplicates.Level)
	}
	if got, want := merged.UnknownWords.Top(5000), whole.UnknownWords.Top(5000); !slices.Equal(got, want) || merged.UnknownWords.Level != whole.UnknownWords.Level {
		t.Errorf("%d words on level %d, want %d on level %d", len(got), merged.UnknownWords.Level, len(want), whole.UnknownWords.Level)
	}
	if top := whole.UnknownWords.Top(2); top[0].Text != "火" || len(whole.UnknownWords.Words) > maxUnknownWords || whole.UnknownWords.Level == 0 {
		t.Errorf("%+v of %d words on level %d", top, len(whole.UnknownWords.Words), whole.UnknownWords.Level)
	}
	different := map[uint64]bool{}
	for _, x := range items {
		different[x.hash] = true
	}
	exact := 1 - float64(len(different))/float64(len(items))
	if got := whole.Duplicates.Share(); math.Abs(got-exact) > 0.02 || whole.Duplicates.Exact() || len(whole.Duplicates.Counts) > maxSampled {
		t.Errorf("%.4f of the documents are duplicates, want %.4f", got, exact)
	}
}

func TestUnknownWords(t *testing.T) {
	long := strings.Repeat("ü", 100)
	for _, c := range []struct{ target, tokenizer, text, want string }{
		{"mlm", "bert", "今天 Möchte, möchte\n火星今天…", `"Möchte" "möchte" "…" "星" "火"`},
		{"mlm", "char", "今 ab", `"ab"`},
		{"mlm", "space", "今天天气 今 天，天", `"今天天气" "天，天"`},
		{"cls", "bert", "0\t火\t星", `"星" "火"`},
		{"seq2seq", "bert", "今\t火", `"火"`},
		{"mlm", "bert", long, `"` + long[:64] + `…"`},
	} {
		settings := defaults(readVocabulary(t))
		settings.Target, settings.Tokenizer = c.target, tokenizer.ByName[c.tokenizer](settings.Vocabulary)
		_, s, err := collect(settings, openText(t, t.TempDir(), c.text))
		if err != nil {
			t.Fatal(err)
		}
		var words []string
		for _, word := range s.UnknownWords.Top(10) {
			words = append(words, fmt.Sprintf("%q", word.Text))
		}
		slices.Sort(words)
		if got := strings.Join(words, " "); got != c.want {
			t.Errorf("%s by %s: %s, want %s", c.text, c.tokenizer, got, c.want)
		}
	}
}
