package instance

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"uer/internal/masking"
	"uer/internal/tokenizer"
	"uer/internal/vocab"
)

// Settings says how a corpus becomes instances. Errors call the settings by the names of their flags.
type Settings struct {
	Target     string // key of ByTarget
	Vocabulary *vocab.Vocabulary
	Tokenizer  string // key of tokenizer.ByName

	// Of the outputs of seq2seq.
	TargetVocabulary     *vocab.Vocabulary
	TargetTokenizer      string
	TargetSequenceLength int // most inputs of the decoder

	SequenceLength           int     // most inputs of an instance
	DupFactor                int     // passes through the corpus, each with masks of its own
	ShortSequenceProbability float64 // share of the documents that bert and albert cut into shorter instances
	DocumentsBufferSize      int     // documents that bert takes random sentences from, or that FullSentences joins
	FullSentences            bool    // mlm and t5: documents run on within an instance
	Dynamic                  bool    // masks are drawn while training, so that one pass is enough
	Masking                  masking.Options
	Seed                     int64
	Workers                  int // goroutines, which the instances do not depend on
}

// Check returns an error if a setting is missing or out of range.
func (s *Settings) Check() error {
	target, known := ByTarget[s.Target]
	if !known {
		return fmt.Errorf("target %q: must be one of %s", s.Target, names(ByTarget))
	}
	if _, known := tokenizer.ByName[s.Tokenizer]; !known {
		return fmt.Errorf("tokenizer %q: must be one of %s", s.Tokenizer, names(tokenizer.ByName))
	}
	if target.Outputs {
		if _, known := tokenizer.ByName[s.TargetTokenizer]; !known {
			return fmt.Errorf("tgt_tokenizer %q: must be one of %s", s.TargetTokenizer, names(tokenizer.ByName))
		}
		if s.TargetVocabulary == nil {
			return fmt.Errorf("target %s needs a tgt_vocab_path", s.Target)
		}
		if s.TargetSequenceLength < 1 {
			return fmt.Errorf("tgt_seq_length %d: must be at least 1", s.TargetSequenceLength)
		}
	}
	if s.FullSentences && !target.joinable {
		return fmt.Errorf("full_sentences has no meaning for target %s", s.Target)
	}
	if _, err := masking.New(s.Vocabulary, s.Masking); err != nil && target.Masks {
		return err
	}
	return s.checkNumbers(target)
}

func (s *Settings) checkNumbers(target Target) error {
	buffer := 1
	if target.pooled {
		buffer = 2
	}
	for _, c := range []struct {
		name         string
		value, least int
	}{
		{"seq_length", s.SequenceLength, target.shortest},
		{"dup_factor", s.DupFactor, 1},
		{"docs_buffer_size", s.DocumentsBufferSize, buffer},
		{"processes_num", s.Workers, 1},
	} {
		if c.value < c.least {
			return fmt.Errorf("%s %d: must be at least %d for target %s", c.name, c.value, c.least, s.Target)
		}
	}
	if p := s.ShortSequenceProbability; !(p >= 0 && p <= 1) {
		return fmt.Errorf("short_seq_prob %v: must be between 0 and 1", p)
	}
	return nil
}

// passes returns how often the corpus is gone through: once if no masks are stored.
func (s *Settings) passes() int {
	if s.Dynamic || !ByTarget[s.Target].Masks {
		return 1
	}
	return s.DupFactor
}

func names[T any](registry map[string]T) string {
	return strings.Join(slices.Sorted(maps.Keys(registry)), ", ")
}
