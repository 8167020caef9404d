package instance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"uer/internal/console"
	"uer/internal/corpus"
	"uer/internal/masking"
	"uer/internal/registry"
	"uer/internal/task"
)

// tb is what testing.T and rapid.T share.
type tb interface {
	Helper()
	Fatal(...any)
	Cleanup(func())
}

func openText(t tb, folder, text string) *corpus.Corpus {
	t.Helper()
	path := filepath.Join(folder, "corpus.txt")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := corpus.Open(corpus.Options{Paths: []string{path}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// copies are instances that stay valid.
type copies struct{ instances []task.Instance }

func newCopies() *copies { return new(copies) }

func (c *copies) Append(x task.Instance) error {
	x.Tokens, x.Ends, x.Output, x.Masks = slices.Clone(x.Tokens), slices.Clone(x.Ends), slices.Clone(x.Output), slices.Clone(x.Masks)
	c.instances = append(c.instances, x)
	return nil
}

func (c *copies) Reset() { c.instances = nil }

// collect copies what Build emits.
func collect(settings Settings, c *corpus.Corpus) (all []task.Instance, s Statistics, err error) {
	s, err = Build(context.Background(), settings, c, newCopies, func(made *copies) error {
		all = append(all, made.instances...)
		return nil
	}, nil)
	return all, s, err
}

// corpora are texts in each form.
var corpora = map[task.Form]string{
	task.DocumentLines: "doc.txt", task.SentenceLines: "bert.txt", task.LabelLines: "cls.txt", task.PairLines: "pair.txt",
}

// repeated returns a corpus long enough to occupy several workers.
func repeated(t *testing.T, target string) *corpus.Corpus {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", corpora[task.ByName[target].Corpus]))
	if err != nil {
		t.Fatal(err)
	}
	return openText(t, t.TempDir(), strings.Repeat(string(data), 5*groupSize/2/len(data)))
}

// testedTargets are all targets, in short mode one for each form of corpus.
func testedTargets() []string {
	if testing.Short() {
		return []string{"mlm", "bert", "cls", "seq2seq"}
	}
	return registry.Names(ByTarget)
}

func TestResultDoesNotDependOnWorkers(t *testing.T) {
	v := readVocabulary(t)
	for _, target := range testedTargets() {
		for _, change := range []func(*Settings){
			func(s *Settings) {},
			func(s *Settings) { s.Masking.Span, s.DocumentsBufferSize, s.Seed = true, 100, 1<<40+3 },
			func(s *Settings) { s.FullSentences, s.DocumentsBufferSize = true, 150 },
		} {
			settings := defaults(v)
			settings.Target, settings.SequenceLength, settings.DupFactor = target, 32, 2
			if testing.Short() {
				settings.DupFactor = 1
			}
			change(&settings)
			if settings.Check() != nil {
				continue // full_sentences for another target
			}
			t.Run(fmt.Sprintf("%s/span=%v/full=%v", target, settings.Masking.Span, settings.FullSentences), func(t *testing.T) {
				c := repeated(t, target)
				want, statistics, err := collect(settings, c)
				if err != nil {
					t.Fatal(err)
				}
				if int(statistics.Instances) != len(want) {
					t.Errorf("%d instances counted, %d emitted", statistics.Instances, len(want))
				}
				workers := []int{2, 5}
				if testing.Short() {
					workers = workers[1:]
				}
				for _, settings.Workers = range workers {
					got, s, err := collect(settings, c)
					if err != nil || !reflect.DeepEqual(s, statistics) {
						t.Errorf("%d workers: %+v, error %v; want %+v", settings.Workers, s, err, statistics)
					}
					compare(t, got, want)
				}
			})
		}
	}
}

func TestStatistics(t *testing.T) {
	v := readVocabulary(t)
	for _, c := range []struct {
		target, text string
		length       int
		want         Statistics
	}{
		{"mlm", "今天\n\n \n火星\n", 32, Statistics{Documents: 2, Text: 4, Unknown: 2, Instances: 4, Tokens: 16, Masked: 4, Runs: 1, Length: 4}},
		{"mlm", "今天今天今天今天", 5, Statistics{Documents: 1, Text: 8, Instances: 4, Tokens: 20, Masked: 4, Runs: 1, Length: 5}}, // no third, empty piece
		{"mlm", "今\n\u0001\n", 5, Statistics{Documents: 1, Empty: 1, Text: 1, Instances: 2, Tokens: 6, Masked: 2, Runs: 1, Length: 3}},
		{"lm", "今天今天\n今", 3, Statistics{Documents: 2, Text: 5, Instances: 3, Tokens: 3 + 2 + 3, Length: 3}},
		{"bilm", "今天今\n\n\n", 2, Statistics{Documents: 1, Text: 3, Instances: 2, Tokens: 3, Length: 2}}, // UER-py would not end
		{"bert", "今天\n今\n\n天天\n", 32, Statistics{Documents: 2, Single: 1, Text: 5, Labels: Range{true, 0, 1}, Runs: 1}},
		{"albert", "今天\n今\n\n天天", 32, Statistics{Documents: 2, Single: 1, Text: 5, Instances: 4, Tokens: 2 * (6 + 5), Masked: 4,
			Labels: Range{true, 0, 1}, Runs: 1, Length: 6}},
		{"albert", "今天今天今天\n\n天\n天", 5, Statistics{Documents: 2, Single: 1, Long: 1, Text: 8, Instances: 4, Tokens: 4 * 5, Masked: 4,
			Cut: 2 * 4, Labels: Range{true, 0, 1}, Runs: 1, Length: 5}},
		{"cls", "0\t今天\n1\t今\t天\nno columns\n\n2\ta\tb\tc\n3\t\n", 32, Statistics{Documents: 2, Skipped: 3, Text: 4,
			Instances: 2, Tokens: 3 + 5, Labels: Range{true, 0, 1}, Length: 5}},
		{"cls", "5\t今天今天今\n5\t今天\t天天天\n5\t今天今\t天天", 5, Statistics{Documents: 3, Text: 15, Instances: 3, Tokens: 3 * 5, Cut: 1 + 2 + 2,
			Labels: Range{true, 5, 5}, Length: 5}},
		{"seq2seq", "今\t天\n今\n\t天\n天\t\n今\t天\t气\n\n天\t今", 32, Statistics{Documents: 2, Skipped: 4, Text: 4, Instances: 2, Tokens: 2 * 6, Length: 3}},
		{"seq2seq", "今天今天今\t天火", 4, Statistics{Documents: 1, Text: 7, Unknown: 1, Instances: 1, Tokens: 4 + 4, Cut: 2, Length: 4}},
		{"prefixlm", "今\t天\n今天今天\t天\n", 6, Statistics{Documents: 1, Skipped: 1, Text: 7, Instances: 1, Tokens: 5, Cut: 5, Length: 5}},
		{"prefixlm", "今\t天天天天天\n", 5, Statistics{Documents: 1, Text: 6, Instances: 1, Tokens: 5, Cut: 2, Length: 5}},
	} {
		settings := defaults(v)
		settings.Target, settings.SequenceLength, settings.DupFactor = c.target, c.length, 2
		instances, got, err := collect(settings, openText(t, t.TempDir(), c.text))
		c.want.Lines = int64(strings.Count(strings.TrimSuffix(c.text, "\n"), "\n")) + 1
		if c.target == "bert" { // how the documents are divided is random
			c.want.Instances, c.want.Tokens, c.want.Masked, c.want.Length = got.Instances, got.Tokens, got.Masked, got.Length
		}
		got.Duplicates, got.UnknownWords = Duplicates{}, UnknownWords{}
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s of %q: %+v, error %v\nwant %+v", c.target, c.text, got, err, c.want)
		}
		for _, x := range instances {
			if (x.Masks != nil) != task.ByName[c.target].Masked {
				t.Errorf("%s: masks %v", c.target, x.Masks)
			}
		}
	}
}

func TestPassesHaveDifferentMasks(t *testing.T) {
	settings := defaults(readVocabulary(t))
	c := repeated(t, "mlm")
	instances, _, err := collect(settings, c)
	if err != nil {
		t.Fatal(err)
	}
	size := len(instances) / settings.DupFactor
	for pass := 1; pass < settings.DupFactor; pass++ {
		same := 0
		for i := range size {
			if reflect.DeepEqual(instances[i].Masks, instances[pass*size+i].Masks) {
				same++
			}
		}
		if same > size/10 {
			t.Errorf("%d of %d instances are masked in pass %d as in the first", same, size, pass)
		}
	}
}

// Buffers hold as many documents as they are to, wherever groups end, and none is left with a single document that needs
// others.
func TestCut(t *testing.T) {
	const small, large = 10, bufferBytes / 2
	for _, c := range []struct {
		target          string
		documents, size int
		group           int   // documents in a group
		bytes           int   // of a group
		want            []int // documents in the buffers
	}{
		{"bert", 0, 2, 1, small, []int{0}}, {"bert", 1, 2, 1, small, []int{1}}, {"bert", 2, 2, 1, small, []int{2}},
		{"bert", 3, 2, 1, small, []int{3}}, {"bert", 4, 2, 1, small, []int{2, 2}}, {"bert", 5, 2, 1, small, []int{2, 3}},
		{"bert", 7, 3, 1, small, []int{3, 4}}, {"bert", 8, 3, 1, small, []int{3, 3, 2}}, {"bert", 8, 3, 8, small, []int{3, 3, 2}},
		{"bert", 7, 3, 2, small, []int{3, 4}}, {"bert", 7, 3, 5, small, []int{3, 4}},
		{"mlm", 7, 3, 2, small, []int{3, 3, 1}}, {"mlm", 6, 3, 2, small, []int{3, 3}},
		{"mlm", 7, 100, 1, large, []int{2, 2, 2, 1}}, {"mlm", 9, 3, 2, large, []int{3, 3, 3}}, {"mlm", 4, 100, 1, 2 * large, []int{1, 1, 1, 1}},
		{"bert", 7, 100, 1, large, []int{2, 2, 3}}, {"bert", 5, 100, 1, 2 * large, []int{2, 3}}, {"bert", 6, 100, 3, 2 * large, []int{3, 3}},
	} {
		settings := Settings{}
		settings.Target, settings.DocumentsBufferSize = c.target, c.size
		buffers := newCut(&settings, 1)
		var got []int
		for at := 0; at < c.documents; at += c.group {
			end := corpus.Position{Offset: c.bytes, Document: min(at+c.group, c.documents) + 1}
			buffers.add(corpus.Block{End: end})
			for first := buffers.first; buffers.next(); first = buffers.first {
				got = append(got, buffers.first-first)
			}
		}
		got = append(got, c.documents+1-buffers.first)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %d documents, %d at a time, groups of %d and %d bytes: %v, want %v",
				c.target, c.documents, c.size, c.group, c.bytes, got, c.want)
		}
	}
}

func TestBadCorpora(t *testing.T) {
	for _, c := range []struct{ target, text, want, hint string }{
		{"mlm", "", "no text in 0 B", "one document a line"},
		{"mlm", "\n \n\u3000\n", "no text in 7 B", "one document a line"},
		{"bert", "", "no text in 0 B", "one sentence a line"},
		{"bert", "今天\n天气\n", "2 lines make 1 document; target bert needs one sentence a line and an empty line between documents", "--target mlm"},
		{"bert", "今天\n天气\n\n\u0001\n\n", "5 lines make 1 document", "--target mlm"},
		{"albert", "\n\n", "no text in 2 B", "one sentence a line"},
		{"cls", "今天\n天气\n", "none of its 2 lines can be used; target cls needs label TAB text", "tabs"},
		{"cls", "0\t今天\nlabel\ttext_a\n", `:2: label "label": must be a number from 0`, "column names"},
		{"cls", "-1\t今天\n", `:1: label "-1": must be a number from 0`, "column names"},
		{"cls", "4294967296\t今天\n", `:1: label "4294967296": must be a number from 0`, "column names"},
		{"seq2seq", "今天 天气\n", "its 1 line cannot be used; target seq2seq needs source TAB target", "tabs"},
		{"prefixlm", strings.Repeat("今", 40) + "\t天\n", "its 1 line cannot be used", "seq_length"},
		{"mlm", "今天\n\n天\xff\n", ":3: not UTF-8: byte 0xff at column 4", "--bad_lines"},
		{"bert", "今天\n\n天\n\n今\xff\n", ":5: not UTF-8: byte 0xff at column 4", "--bad_lines"},
	} {
		settings := defaults(readVocabulary(t))
		settings.Target, settings.SequenceLength, settings.Workers = c.target, 32, 2
		text := openText(t, t.TempDir(), c.text)
		_, _, err := collect(settings, text)
		if err == nil || !strings.HasPrefix(err.Error(), text.Name()) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s of %q: error %v, want %s", c.target, c.text, err, c.want)
			continue
		}
		var report bytes.Buffer
		console.Report(&report, err)
		if !strings.Contains(report.String(), "hint: ") || !strings.Contains(report.String(), c.hint) {
			t.Errorf("%s of %q: no hint %q in\n%s", c.target, c.text, c.hint, report.String())
		}
	}
}

func TestBadSettings(t *testing.T) {
	for _, c := range []struct {
		change func(*Settings)
		want   string
	}{
		{func(s *Settings) { s.Target = "gpt" }, `target "gpt" is not one of albert, bert, `},
		{func(s *Settings) { s.Tokenizer = nil }, "the tokenizer is not of the vocabulary"},
		{func(s *Settings) { s.Target, s.TargetTokenizer = "seq2seq", nil }, "the tokenizer of outputs is not of their vocabulary"},
		{func(s *Settings) { s.Target, s.TargetVocabulary = "seq2seq", nil }, "target seq2seq needs a tgt_vocab_path"},
		{func(s *Settings) { s.Target, s.TargetSequenceLength = "seq2seq", 0 }, "tgt_seq_length 0: must be at least 1"},
		{func(s *Settings) { s.Target, s.FullSentences = "bert", true }, "full_sentences has no meaning for target bert"},
		{func(s *Settings) { s.Target, s.SequenceLength = "bert", 4 }, "seq_length 4: must be at least 5 for target bert"},
		{func(s *Settings) { s.Target, s.DocumentsBufferSize = "bert", 1 }, "docs_buffer_size 1: must be at least 2 for target bert"},
		{func(s *Settings) { s.DupFactor = 0 }, "dup_factor 0: must be at least 1"},
		{func(s *Settings) { s.Workers = 0 }, "processes_num 0: must be at least 1"},
		{func(s *Settings) { s.ShortSequenceProbability = 1.5 }, "short_seq_prob 1.5: must be between 0 and 1"},
		{func(s *Settings) { s.Masking = masking.Options{Span: true, MaxLength: 3} }, "span_geo_prob 0: must be above 0 and at most 1"},
	} {
		settings := defaults(readVocabulary(t))
		c.change(&settings)
		_, _, err := collect(settings, openText(t, t.TempDir(), "今天\n"))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want %s", err, c.want)
		}
	}
}

// refusing are rows that accept no instance.
type refusing struct{}

var errRefused = errors.New("refused")

func (refusing) Append(task.Instance) error { return errRefused }
func (refusing) Reset()                     {}

// Whatever stops Build, its goroutines end.
func TestBuildStops(t *testing.T) {
	before := runtime.NumGoroutine()
	full := errors.New("disk full")
	for _, target := range []string{"mlm", "bert"} {
		settings := defaults(readVocabulary(t))
		settings.Target, settings.Workers, settings.DupFactor = target, 3, 1000
		c := repeated(t, target)

		emitted := 0
		_, err := Build(context.Background(), settings, c, newCopies, func(*copies) error {
			if emitted++; emitted == 10 {
				return full
			}
			return nil
		}, nil)
		if err != full || emitted != 10 {
			t.Errorf("%s: error %v after %d portions", target, err, emitted)
		}

		_, err = Build(context.Background(), settings, c, func() refusing { return refusing{} }, func(refusing) error { return nil }, nil)
		if err != errRefused {
			t.Errorf("%s: error %v where no instance is accepted", target, err)
		}

		ctx, cancel := context.WithCancelCause(context.Background())
		stopped := errors.New("stopped")
		_, err = Build(ctx, settings, c, newCopies, func(*copies) error { return nil }, func(p Progress) {
			if p.Instances > 1000 {
				cancel(stopped)
			}
		})
		if err != stopped {
			t.Errorf("%s: error %v after the context ended", target, err)
		}
	}
	for range 100 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Errorf("%d goroutines, %d before", runtime.NumGoroutine(), before)
}

func TestProgress(t *testing.T) {
	for _, target := range testedTargets() {
		settings := defaults(readVocabulary(t))
		settings.Target, settings.DocumentsBufferSize, settings.Workers = target, 200, 2
		c := repeated(t, target)
		last := Progress{Done: -1}
		statistics, err := Build(context.Background(), settings, c, newCopies, func(*copies) error { return nil }, func(p Progress) {
			if last.Done < 0 && p.Done > 0 || p.Done < last.Done || p.Done > p.Total || p.Total != c.Size*settings.passes() {
				t.Errorf("%s: %+v follows %+v", target, p, last)
			}
			last = p
		})
		last.Lines = statistics.Lines // known at the end
		if err != nil || last.Done < last.Total-2*settings.passes() || !reflect.DeepEqual(last.Statistics, statistics) {
			t.Errorf("%s: last progress %+v, want %+v; error %v", target, last, statistics, err)
		}
	}
}
