package cli

import (
	"errors"
	"io/fs"
	"unicode"

	"uer/internal/config"
	"uer/internal/console"
	"uer/internal/masking"
	"uer/internal/segment"
	"uer/internal/vocab"
)

// maskingOptions say how text is masked.
type maskingOptions struct {
	masking.Options
	DictionaryPath string
}

// maxSpan bounds the length of spans, of which masking has a table.
const maxSpan = 1 << 16

// addFlags adds the settings of masking.
func (o *maskingOptions) addFlags(paths, group config.Group, usage string) {
	group.Float(&o.Rate, "mask_rate", masking.DefaultRate, 0, 1, "share of the tokens that are masked")
	group.Bool(&o.Span, "span_masking", "mask spans instead of single tokens"+usage)
	group.Float(&o.GeometricProbability, "span_geo_prob", 0.2, 0, 1,
		"probability that a span ends after each of its tokens")
	group.IntTo(&o.MaxLength, "span_max_length", 10, 1, maxSpan, "maximum length of a span, in tokens")
	group.Bool(&o.WholeWord, "whole_word_masking", "mask whole words instead of single tokens"+usage)
	paths.Text(&o.DictionaryPath, "words_path", "", "Chinese words for --whole_word_masking, in the form of jieba's dict.txt")
}

// read reads the dictionary and checks that the settings go together.
func (o *maskingOptions) read(v *vocab.Vocabulary) (masking.Options, error) {
	options := o.Options
	switch {
	case o.Rate == 0:
		return options, console.UsageError{Err: errors.New("--mask_rate 0 masks nothing")}
	case o.WholeWord && o.Span:
		return options, console.UsageError{Err: errors.New("--span_masking and --whole_word_masking exclude each other")}
	case o.DictionaryPath != "" && !o.WholeWord:
		return options, console.UsageError{Err: errors.New("--words_path has no effect without --whole_word_masking")}
	case o.WholeWord && o.DictionaryPath == "" && mostlyChinese(v):
		return options, console.UsageError{Err: console.Hint(
			errors.New("--whole_word_masking needs --words_path with a Chinese vocabulary, whose tokens do not say where words end"),
			"it names a dictionary such as jieba's dict.txt: a word and its frequency on each line")}
	case o.DictionaryPath == "":
		return options, nil
	}
	var err error
	if options.Dictionary, err = segment.Read(o.DictionaryPath); errors.Is(err, fs.ErrNotExist) {
		err = console.Hint(err, "--words_path names the file; a relative path starts at the current directory")
	}
	return options, err
}

// mostlyChinese reports whether a third of the tokens of a vocabulary are Chinese.
func mostlyChinese(v *vocab.Vocabulary) bool {
	chinese := 0
	for id := range int32(v.Size()) {
		for _, r := range v.Token(id) {
			if unicode.Is(unicode.Han, r) {
				chinese++
				break
			}
		}
	}
	return 3*chinese > v.Size()
}
