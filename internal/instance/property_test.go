package instance

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"uer/internal/corpus"
	"uer/internal/task"
	"uer/internal/tokenizer"
	"uer/internal/vocab"
)

// texts draws corpora with documents of any length, blank lines and characters that make no token.
var texts = rapid.StringOf(rapid.SampledFrom([]rune("今天天气很好我们去公园散步火 a\u200b\n\n\n")))

func drawSettings(t *rapid.T, v *vocab.Vocabulary, target string) Settings {
	s := defaults(v)
	s.Target = target
	s.SequenceLength = rapid.IntRange(ByTarget[target].minLength, 12).Draw(t, "sequence length")
	s.DupFactor = rapid.IntRange(1, 3).Draw(t, "passes")
	s.DocumentsBufferSize = rapid.IntRange(2, 5).Draw(t, "buffer")
	s.FullSentences = ByTarget[target].joinable && rapid.Bool().Draw(t, "full sentences")
	s.Dynamic = rapid.Bool().Draw(t, "dynamic")
	s.Masking.Span = rapid.Bool().Draw(t, "span")
	s.Workers = rapid.IntRange(1, 3).Draw(t, "workers")
	return s
}

// restored returns the tokens of an instance before masking.
func restored(x task.Instance) []int32 {
	tokens := slices.Clone(x.Tokens)
	for _, mask := range x.Masks {
		tokens[mask.Position] = mask.ID
	}
	return tokens
}

// Each token of each document is in one instance a pass, in the order of the corpus.
func TestNoTokenIsLostOrCountedTwice(t *testing.T) {
	v := readVocabulary(t)
	bert := tokenizer.ByName["bert"](v).New()
	folder := t.TempDir()
	for _, target := range []string{"mlm", "t5", "lm", "bilm"} {
		rapid.Check(t, func(t *rapid.T) {
			text := texts.Draw(t, "text")
			settings := drawSettings(t, v, target)
			var want []int32
			for line := range strings.Lines(text) {
				if tokens := bert.AppendIDs(nil, line); len(tokens) > 0 {
					want = slices.Concat(want, []int32{v.Class}, tokens, []int32{v.Separator})
				}
			}
			instances, statistics, err := collect(settings, openText(t, folder, text))
			if (err != nil) != (len(want) == 0) {
				t.Fatalf("error %v, but %d tokens", err, len(want))
			}
			var got []int32
			inputs := int64(0)
			for _, x := range instances {
				end := x.Ends[len(x.Ends)-1]
				inputs += int64(end)
				tokens := restored(x)
				if target == "bilm" {
					tokens = tokens[1 : 1+end]
				}
				if int(end) > settings.SequenceLength || len(tokens) == 0 || settings.Dynamic && x.Masks != nil {
					t.Fatalf("instance %+v", x)
				}
				got = append(got, tokens...)
			}
			if target == "bilm" {
				want = slices.DeleteFunc(want, func(id int32) bool { return id == v.Class || id == v.Separator })
			}
			if settings.passes() > 1 { // they go through one buffer at a time
				slices.Sort(got)
				want = slices.Repeat(want, settings.passes())
				slices.Sort(want)
			}
			if !slices.Equal(got, want) {
				t.Fatalf("%s: tokens %v\nwant %v", target, got, want)
			}
			if statistics.Tokens != inputs || statistics.Instances != int64(len(instances)) {
				t.Fatalf("statistics %+v of %d instances with %d inputs", statistics, len(instances), inputs)
			}
		})
	}
}

// pairs returns the texts of a bert or albert instance.
func pairs(x task.Instance) (a, b []int32) {
	tokens := restored(x)
	return tokens[1 : x.Ends[0]-1], tokens[x.Ends[0] : x.Ends[1]-1]
}

// Where nothing has to be cut off, the pairs of a pass hold each document's tokens once, besides the random sentences
// of other documents.
func TestPairsCoverTheDocuments(t *testing.T) {
	v := readVocabulary(t)
	folder := t.TempDir()
	for _, target := range []string{"bert", "albert"} {
		rapid.Check(t, func(t *rapid.T) {
			text := texts.Draw(t, "text")
			settings := drawSettings(t, v, target)
			settings.SequenceLength, settings.ShortSequenceProbability, settings.Masking.Span = 1000, 0, false
			settings.DupFactor, settings.DocumentsBufferSize = 1, rapid.IntRange(2, 5).Draw(t, "buffer")
			c := openText(t, folder, text)
			documents := tokenized(t, &settings, c)
			var want []int32
			for _, d := range documents {
				want = append(want, d.tokens...)
			}
			instances, _, err := collect(settings, c)
			if err != nil && len(documents) >= 2 {
				t.Fatal(err)
			} else if err != nil {
				return
			}
			var got []int32
			for _, x := range instances {
				a, b := pairs(x)
				if target == "albert" && x.Label == 1 {
					a, b = b, a
				}
				got = append(got, a...)
				if target == "albert" || x.Label == 0 {
					got = append(got, b...)
				}
			}
			if !slices.Equal(got, want) {
				t.Fatalf("%s: tokens %v\nwant %v", target, got, want)
			}
		})
	}
}

func tokenized(t *rapid.T, settings *Settings, c *corpus.Corpus) (documents []document) {
	w, err := newWorker(settings)
	if err != nil {
		t.Fatal(err)
	}
	w.reader, w.portion = c.NewReader(), new(portion)
	for text, err := range c.Blocks(corpus.ByBlankLine, groupSize, corpus.Start) {
		g := new(group)
		if err := errors.Join(err, w.fill(g, text, whole(c))); err != nil {
			t.Fatal(err)
		}
		documents = append(documents, g.documents...)
	}
	return documents
}

// The second text of a pair labelled random comes from another document, even where there are only two.
func TestRandomSentencesAreOfAnotherDocument(t *testing.T) {
	v := readVocabulary(t)
	settings := defaults(v)
	settings.Target, settings.DupFactor, settings.SequenceLength = "bert", 3000, 20
	instances, _, err := collect(settings, openText(t, t.TempDir(), "今\n今今\n今\n\n天天\n天\n"))
	if err != nil {
		t.Fatal(err)
	}
	random := 0
	for _, x := range instances {
		a, b := pairs(x)
		if (a[0] != b[0]) != (x.Label == 1) {
			t.Fatalf("label %d of %v and %v", x.Label, a, b)
		}
		random += int(x.Label)
	}
	if share := float64(random) / float64(len(instances)); share < 0.4 || share > 0.8 {
		t.Errorf("%.2f of the pairs are random", share)
	}
}

func BenchmarkBuild(b *testing.B) {
	const data = "../../corpora/"
	v, err := vocab.Read("../../models/demo_vocab.txt")
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name, corpus string
		change       func(*Settings)
	}{
		{"mlm_dynamic", "demo.txt", func(s *Settings) { s.Dynamic = true }},
		{"mlm_static", "demo.txt", func(s *Settings) {}},
		{"mlm_span", "demo.txt", func(s *Settings) { s.Masking.Span = true }},
		{"mlm_full", "demo.txt", func(s *Settings) { s.FullSentences = true }},
		{"lm", "demo.txt", func(s *Settings) { s.Target = "lm" }},
		{"bert", "demo_bert.txt", func(s *Settings) { s.Target = "bert" }},
		{"albert", "demo_bert.txt", func(s *Settings) { s.Target = "albert" }},
	} {
		for _, workers := range []int{1, 2} {
			settings := defaults(v)
			settings.Workers, settings.DupFactor = workers, 1
			c.change(&settings)
			if _, err := os.Stat(data + c.corpus); err != nil {
				b.Skip(err)
			}
			text, err := corpus.Open(corpus.Options{Paths: []string{data + c.corpus}})
			if err != nil {
				b.Fatal(err)
			}
			b.Run(c.name+"/workers="+string(rune('0'+workers)), func(b *testing.B) {
				b.SetBytes(int64(text.Size))
				b.ReportAllocs()
				for b.Loop() {
					if _, err := Build(b.Context(), settings, text, newCopies, func(*copies) error { return nil }, nil); err != nil {
						b.Fatal(err)
					}
				}
			})
			text.Close()
		}
	}
}
