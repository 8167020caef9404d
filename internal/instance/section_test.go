package instance

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"uer/internal/corpus"
	"uer/internal/task"
)

// inFiles returns a corpus of three files with blank lines of all sorts, long enough to be divided.
func inFiles(t *testing.T, target string) *corpus.Corpus {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", corpora[task.ByName[target].Corpus]))
	if err != nil {
		t.Fatal(err)
	}
	folder, paths := t.TempDir(), []string{}
	for i := range 3 {
		text := strings.Repeat(string(data)+strings.Repeat("\n", i), (3+i)*groupSize/len(data))
		if i == 1 {
			text += "\n" + strings.Repeat(" \n", 2*groupSize)
		}
		paths = append(paths, filepath.Join(folder, fmt.Sprintf("%d.txt", i)))
		if err := os.WriteFile(paths[i], []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := corpus.Open(corpus.Options{Paths: paths})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// The instances and counts of all sections together are those of the corpus.
func TestSectionsMakeTheWhole(t *testing.T) {
	v := readVocabulary(t)
	for _, target := range testedTargets() {
		for name, change := range map[string]func(*Settings){
			"one pass": func(s *Settings) { s.Dynamic, s.DocumentsBufferSize = true, 90 },
			"passes":   func(s *Settings) { s.DocumentsBufferSize = 61 },
			"joined":   func(s *Settings) { s.FullSentences, s.DocumentsBufferSize = true, 300 },
			"held out": func(s *Settings) { s.Split, s.DocumentsBufferSize = Split{0.4, true}, 41 },
		} {
			settings := defaults(v)
			settings.Target, settings.SequenceLength, settings.DupFactor = target, 32, 2
			change(&settings)
			if settings.Check() != nil {
				continue
			}
			t.Run(target+"/"+name, func(t *testing.T) {
				c := inFiles(t, target)
				want, statistics, err := collect(settings, c)
				if err != nil {
					t.Fatal(err)
				}
				for _, count := range []int{1, 3, 8} {
					sections, err := Divide(t.Context(), settings, c, count)
					if err != nil || len(sections) != count {
						t.Fatalf("%d sections, want %d; error %v", len(sections), count, err)
					}
					var all []task.Instance
					var sum Statistics
					bytes := 0
					for i := range sections {
						part := settings
						part.Section, part.Workers = &sections[i], 1+i%3
						made, s, err := collect(part, c)
						if err != nil {
							t.Fatal(err)
						}
						all = append(all, made...)
						sum.Add(&s)
						bytes += sections[i].Size
					}
					if s := sections[0]; count > 1 && (s.Size == 0 || s.Size > 2*c.Size/3) {
						t.Errorf("the first of %d sections has %d of %d bytes", count, s.Size, c.Size)
					}
					sum.Lines = statistics.Lines // groups of blank lines between sections are in none
					if !reflect.DeepEqual(sum, statistics) || bytes != c.Size {
						t.Errorf("%d sections of %d bytes: %+v\nwant %+v", count, bytes, sum, statistics)
					}
					compare(t, all, want)
				}
			})
		}
	}
}

func TestChangedSectionIsRefused(t *testing.T) {
	settings := defaults(readVocabulary(t))
	settings.SequenceLength, settings.DocumentsBufferSize = 32, 50
	text := strings.Repeat("今天天气很好\n", 100)
	sections, err := Divide(t.Context(), settings, openText(t, t.TempDir(), text), 2)
	if err != nil {
		t.Fatal(err)
	}
	for i := range sections {
		settings.Section = &sections[i]
		if _, _, err := collect(settings, openText(t, t.TempDir(), text)); err != nil {
			t.Error(err)
		}
		_, _, err := collect(settings, openText(t, t.TempDir(), strings.Replace(text, "今", "火", 1)))
		if err == nil || !strings.Contains(err.Error(), "has changed") {
			t.Errorf("section %d of another text: error %v", i, err)
		}
	}
}

func TestTooManySections(t *testing.T) {
	settings := defaults(readVocabulary(t))
	settings.DocumentsBufferSize = 50
	c := openText(t, t.TempDir(), strings.Repeat("今天天气很好\n", 120))
	_, err := Divide(t.Context(), settings, c, 4)
	if err == nil || !strings.Contains(err.Error(), "too small for 4 shards") {
		t.Errorf("error %v", err)
	}
	settings.Dynamic = true
	if _, err := Divide(t.Context(), settings, c, 2); err == nil {
		t.Error("a single group was divided")
	}
	if _, err := Divide(t.Context(), settings, openText(t, t.TempDir(), ""), 1); err == nil {
		t.Error("nothing was divided")
	}
}

// However unevenly buffers are placed, there are as many sections as wanted, and each has a buffer of its own.
func TestChoose(t *testing.T) {
	var groups []mark
	for i := range 100 {
		groups = append(groups, mark{start: corpus.Position{Offset: 10 * i, Document: 1 + 5*i}, before: 10 * i})
	}
	for _, firsts := range [][]int{{2, 3, 4, 6, 7}, {490, 491, 492, 493, 494}, {2, 100, 300, 490, 491}} {
		for count := 1; count <= 6; count++ {
			var got []int
			for _, s := range choose(groups, firsts, 501, 1000, count) {
				got = append(got, s.First, s.End)
				if s.Start.Document > s.First || s.Start.Document+5 <= s.First {
					t.Errorf("section %+v starts in another group", s)
				}
			}
			if len(got) != 2*count || got[0] != 1 || got[len(got)-1] != 501 {
				t.Errorf("%d sections of %v: %v", count, firsts, got)
			}
			for i := 2; i < len(got); i += 2 {
				if got[i] != got[i-1] || got[i] <= got[i-2] || !slices.Contains(firsts, got[i]) {
					t.Errorf("%d sections of %v: %v", count, firsts, got)
				}
			}
		}
	}
}
