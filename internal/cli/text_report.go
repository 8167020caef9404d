package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"uer/internal/console"
	"uer/internal/dataset"
	"uer/internal/instance"
	"uer/internal/task"
)

// Shares of the text, or of the documents, from which on preprocess warns or refuses to make a dataset.
const (
	unknownWarned  = 0.05
	unknownRefused = 0.50
	cutWarned      = 0.25
	singleWarned   = 0.50
)

// textReport says what became of the text.
type textReport struct {
	settings   instance.Settings
	statistics *instance.Statistics
	unknown    []string // the most frequent unknown words
	warnings   []warning
	refused    error // why there is to be no dataset
}

// warning is what is probably wrong, and what to do about it.
type warning struct{ text, hint string }

func newTextReport(options preprocessOptions, settings instance.Settings, statistics *instance.Statistics) *textReport {
	r := &textReport{settings: settings, statistics: statistics}
	for _, word := range statistics.UnknownWords.Top(10) {
		r.unknown = append(r.unknown, word.Text)
	}
	r.checkUnknown(options)
	r.checkLost(options.Source, settings.Tokenizer)
	r.checkLost(options.TargetSource, settings.TargetTokenizer)
	r.checkCut()
	r.checkLabels()
	if settings.Target == "t5" {
		if err := checkSentinels(settings, statistics); err != nil {
			r.refused = err
		}
	}
	return r
}

func (r *textReport) warn(text, hint string) { r.warnings = append(r.warnings, warning{text, hint}) }

// checkUnknown judges the share of the text that the vocabulary lacks.
func (r *textReport) checkUnknown(options preprocessOptions) {
	share := r.statistics.UnknownShare()
	if share < unknownWarned {
		return
	}
	text := fmt.Sprintf("%s of the text is unknown to %s", percent(share), options.Source.Path())
	if r.settings.TargetVocabulary != nil && options.TargetSource.Path() != options.Source.Path() {
		text += " or " + options.TargetSource.Path()
	}
	hint := unknownCause(r.settings, r.unknown)
	if share < unknownRefused || options.AllowUnknown {
		r.warn(text, hint)
		return
	}
	r.refused = console.Hint(errors.New(text), hint+"; if it is meant to be so, pass --allow_unknown")
}

// checkCut judges the share of the text that is in no instance.
func (r *textReport) checkCut() {
	s := r.statistics
	share := s.CutShare(&r.settings)
	if share < cutWarned {
		return
	}
	text := percent(share) + " of the text was cut"
	switch task.ByName[r.settings.Target].Corpus {
	case task.SentenceLines:
		hint := "sentences are long: divide the lines, raise --seq_length, or use a target without pairs, such as mlm"
		if s.Long > 0 {
			text += fmt.Sprintf(": %s longer than --seq_length %d", counted(s.Long, "sentence"), r.settings.SequenceLength)
			if r.settings.LongSentences == "cut" {
				hint = "pass --long_sentences split, divide the lines into sentences, or raise --seq_length"
			}
		}
		r.warn(text, hint)
	case task.PairLines:
		r.warn(text, "raise --seq_length or --tgt_seq_length, or shorten the texts")
	default:
		r.warn(text, "raise --seq_length, or shorten the texts")
	}
}

// checkLabels looks for labels that there is nothing to learn from.
func (r *textReport) checkLabels() {
	s, t := r.statistics, task.ByName[r.settings.Target]
	switch share := s.SingleShare(); {
	case t.Corpus == task.SentenceLines && share >= singleWarned:
		text := fmt.Sprintf("%s of the documents have a single sentence: ", percent(share))
		if r.settings.Target == "bert" {
			text += "their label always says that a random sentence follows"
		} else {
			text += "one of their two segments is empty"
		}
		r.warn(text, "put one sentence on each line and an empty line between documents, or use --target mlm")
	case t.Labelled && s.Labels.Any && s.Labels.Min == s.Labels.Max:
		hint := "check the first column of the corpus"
		if t.Corpus == task.SentenceLines {
			hint = "a single sentence fills an instance: pass --long_sentences split, or divide the lines into sentences"
		}
		r.warn(fmt.Sprintf("all labels are %d: there is nothing to learn from them", s.Labels.Min), hint)
	}
}

// print writes what became of the text, and the warnings.
func (r *textReport) print(w io.Writer) {
	s := r.statistics
	fmt.Fprintf(w, "Text     %s; %s unknown; %s cut; %s", counted(s.Text, "token"), percent(s.UnknownShare()),
		percent(s.CutShare(&r.settings)), r.duplicates())
	for _, left := range []struct {
		count    int64
		one, all string
	}{
		{s.Empty, "document without tokens", "documents without tokens"},
		{s.Skipped, "line unusable for target " + r.settings.Target, "lines unusable for target " + r.settings.Target},
		{s.BadLines, "bad line left out", "bad lines left out"},
	} {
		switch {
		case left.count == 1:
			fmt.Fprintf(w, "; 1 %s", left.one)
		case left.count > 0:
			fmt.Fprintf(w, "; %s %s", console.Count(left.count), left.all)
		}
	}
	fmt.Fprintln(w)
	if len(r.unknown) > 0 {
		fmt.Fprintf(w, "         unknown: %s\n", strings.Join(r.unknown, ", "))
	}
	for _, warning := range r.warnings {
		fmt.Fprintf(w, "Warning  %s\n         hint: %s\n", warning.text, warning.hint)
	}
}

// duplicates says how many documents are equal to an earlier one. Of many documents it is an estimate.
func (r *textReport) duplicates() string {
	d := &r.statistics.Duplicates
	switch share := d.Share(); {
	case share == 0:
		return "no duplicates"
	case d.Exact():
		return fmt.Sprintf("%s duplicate documents", percent(share))
	default:
		return fmt.Sprintf("about %s duplicate documents", percent(share))
	}
}

// totals are what the dataset says of the text.
func (r *textReport) totals() dataset.Totals {
	s := r.statistics
	totals := dataset.Totals{
		Documents: s.Documents, Tokens: s.Tokens, Unknown: s.Unknown, Text: s.Text, Cut: s.Cut, Empty: s.Empty,
		Skipped: s.Skipped, BadLines: s.BadLines, DuplicateShare: s.Duplicates.Share(), UnknownWords: r.unknown,
	}
	for _, warning := range r.warnings {
		totals.Warnings = append(totals.Warnings, warning.text)
	}
	return totals
}

// percent formats a share. One that is not 0 or 1 does not look as if it were.
func percent(share float64) string {
	switch {
	case share > 0 && share < 0.0005:
		return "under 0.1%"
	case share < 1 && share > 0.9995:
		return "over 99.9%"
	}
	return fmt.Sprintf("%.1f%%", 100*share)
}
