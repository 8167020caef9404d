package instance

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"uer/internal/console"
	"uer/internal/task"
	"uer/internal/vocab"
)

// characters returns the tokens of a vocabulary that are a Chinese character each.
func characters(v *vocab.Vocabulary) []rune {
	var all []rune
	for r := '\u4e00'; r < '\u9fff'; r++ {
		if _, known := v.Lookup(string(r)); known {
			all = append(all, r)
		}
	}
	return all
}

// documentOf returns a document of one character alone, as a target reads it.
func documentOf(target string, r rune) string {
	c := string(r)
	switch task.ByName[target].Corpus {
	case task.SentenceLines:
		return strings.Repeat(strings.Repeat(c, 4)+"\n", 3) + "\n"
	case task.LabelLines:
		return "1\t" + strings.Repeat(c, 5) + "\n"
	case task.PairLines:
		return strings.Repeat(c, 5) + "\t" + strings.Repeat(c, 6) + "\n"
	}
	return strings.Repeat(c, 9) + "\n"
}

// charactersOf counts how often the characters are in instances, as texts before masking.
func charactersOf(v *vocab.Vocabulary, all []rune, instances []task.Instance) map[rune]int {
	counts := map[rune]int{}
	of := map[int32]rune{}
	for _, r := range all {
		id, _ := v.Lookup(string(r))
		of[id] = r
	}
	for _, x := range instances {
		for _, id := range append(restored(x), x.Output...) {
			if r, is := of[id]; is {
				counts[r]++
			}
		}
	}
	return counts
}

// TestSplit divides documents of one character each, all of them twice in the corpus. No character may be in both parts, and
// each is in one.
func TestSplit(t *testing.T) {
	v := readVocabulary(t)
	all := characters(v)
	for target := range ByTarget {
		settings := defaults(v)
		settings.Target, settings.SequenceLength, settings.DupFactor = target, 12, 2
		var text strings.Builder
		for range 2 {
			for _, r := range all {
				text.WriteString(documentOf(target, r))
			}
		}
		c := openText(t, t.TempDir(), text.String())
		var parts [2]map[rune]int
		var documents int64
		for i, heldOut := range []bool{false, true} {
			settings.Split = Split{Fraction: 0.3, HeldOut: heldOut}
			var want []task.Instance
			for _, workers := range []int{1, 3} {
				settings.Workers = workers
				instances, s, err := collect(settings, c)
				if err != nil {
					t.Fatal(target, err)
				}
				if workers == 1 {
					want = instances
					documents += s.Documents
				}
				compare(t, instances, want)
			}
			parts[i] = charactersOf(v, all, want)
		}
		for _, r := range all {
			if (parts[0][r] > 0) == (parts[1][r] > 0) {
				t.Errorf("%s: %c is %d times in the documents for training, %d times in those held out", target, r, parts[0][r], parts[1][r])
			}
		}
		if documents != int64(2*len(all)) {
			t.Errorf("%s: %d documents in both parts, not %d", target, documents, 2*len(all))
		}
	}
}

// TestSplitChangesNoInstance wants the instances of both parts to be those of the whole corpus, where documents are not
// combined.
func TestSplitChangesNoInstance(t *testing.T) {
	v := readVocabulary(t)
	for _, target := range []string{"mlm", "lm", "cls", "seq2seq"} {
		settings := defaults(v)
		settings.Target, settings.SequenceLength, settings.DupFactor = target, 32, 1
		c := repeated(t, target)
		show := func(split Split) (lines []string) {
			settings.Split = split
			instances, _, err := collect(settings, c)
			if err != nil {
				t.Fatal(target, err)
			}
			for _, x := range instances {
				lines = append(lines, fmt.Sprintf("%+v", x))
			}
			slices.Sort(lines)
			return lines
		}
		both := slices.Sorted(slices.Values(slices.Concat(show(Split{Fraction: 0.5}), show(Split{0.5, true}))))
		if !slices.Equal(both, show(Split{})) {
			t.Errorf("%s: the instances of both parts are not those of the corpus", target)
		}
	}
}

// TestSplitByText wants about the fraction of the documents, more of them besides the same ones for a larger fraction, and
// no difference for white space at the ends of lines.
func TestSplitByText(t *testing.T) {
	small, large := Split{0.1, true}, Split{0.25, true}
	counts := [2]int{}
	for i := range 10000 {
		text := []string{fmt.Sprint("a", i), "b"}
		if small.has(text) {
			counts[0]++
			if !large.has(text) {
				t.Errorf("%v is held out with a fraction of 0.1, but not of 0.25", text)
			}
		}
		if large.has(text) {
			counts[1]++
		}
		if small.has(text) == (Split{Fraction: 0.1}).has(text) {
			t.Errorf("%v is in both parts or in none", text)
		}
		if small.has(text) != small.has([]string{text[0] + " \r", "\tb"}) {
			t.Errorf("%v is in another part with spaces", text)
		}
	}
	if counts[0] < 900 || counts[0] > 1100 || counts[1] < 2300 || counts[1] > 2700 {
		t.Errorf("%v of 10000 documents are held out, with fractions of 0.1 and 0.25", counts)
	}
	if (Split{0.5, true}).has([]string{"ab", "c"}) == (Split{0.5, true}).has([]string{"a", "bc"}) &&
		place([]string{"ab", "c"}) == place([]string{"a", "bc"}) {
		t.Error("where sentences end makes no difference")
	}
}

// TestSplitLeavesTooFew wants an error where a part has no document, or one that needs others.
func TestSplitLeavesTooFew(t *testing.T) {
	v := readVocabulary(t)
	all := characters(v)
	for _, target := range []string{"mlm", "bert"} {
		settings := defaults(v)
		settings.Target = target
		var text strings.Builder
		held := 0
		for _, r := range all {
			settings.Split = Split{0.1, true}
			document := documentOf(target, r)
			if settings.Split.has(strings.Fields(document)) {
				if held++; held > 1 || target == "mlm" {
					continue
				}
			}
			text.WriteString(document)
		}
		_, _, err := collect(settings, openText(t, t.TempDir(), text.String()))
		var report bytes.Buffer
		console.Report(&report, err)
		if err == nil || !strings.Contains(report.String(), "--dev_fraction") {
			t.Errorf("%s: error %v", target, report.String())
		}
		settings.Split.HeldOut = false
		if _, _, err := collect(settings, openText(t, t.TempDir(), text.String())); err != nil {
			t.Errorf("%s: %v", target, err)
		}
	}
}
