package instance

import (
	"errors"
	"fmt"

	"uer/internal/corpus"
	"uer/internal/masking"
	"uer/internal/registry"
	"uer/internal/task"
	"uer/internal/tokenizer"
	"uer/internal/vocab"
)

// Settings says how a corpus becomes instances. Errors call the settings by the names of their flags.
type Settings struct {
	Target     string // key of ByTarget
	Vocabulary *vocab.Vocabulary
	Tokenizer  *tokenizer.Model // of that vocabulary

	// Of the outputs of seq2seq.
	TargetVocabulary     *vocab.Vocabulary
	TargetTokenizer      *tokenizer.Model
	TargetSequenceLength int // maximum number of the decoder's inputs

	SequenceLength           int     // maximum number of an instance's inputs
	DupFactor                int     // passes through the corpus, each with its own masks
	LongSentences            string  // "cut" or "split": what bert and albert do with a sentence longer than an instance
	ShortSequenceProbability float64 // share of the documents that bert and albert cut into shorter instances
	DocumentsBufferSize      int     // documents that bert takes random sentences from, or that FullSentences joins
	FullSentences            bool    // mlm and t5: instances run on from document to document
	Dynamic                  bool    // masks are drawn during training, so that one pass is enough
	Masking                  masking.Options
	Seed                     int64
	Split                    Split    // the documents that instances are made of
	Section                  *Section // the part of the corpus that instances are made of; nil for all of it
	Workers                  int      // goroutines; the instances do not depend on their number
}

// Check returns an error if a setting is missing or out of range.
func (s *Settings) Check() error {
	t, err := registry.Find(task.ByName, "target", s.Target)
	if err != nil {
		return err
	}
	recipe, err := registry.Find(ByTarget, "target", s.Target)
	if err != nil {
		return err
	}
	if s.Tokenizer == nil || s.Tokenizer.Vocabulary != s.Vocabulary {
		return errors.New("the tokenizer is not of the vocabulary")
	}
	if t.Output {
		if err := s.checkOutput(); err != nil {
			return err
		}
	}
	if s.FullSentences && !recipe.joinable {
		return fmt.Errorf("full_sentences has no meaning for target %s", s.Target)
	}
	if t.Masked {
		if _, err := masking.New(s.Vocabulary, s.Masking); err != nil {
			return err
		}
	}
	return s.checkNumbers(recipe)
}

// checkOutput checks the settings of the second text.
func (s *Settings) checkOutput() error {
	if s.TargetVocabulary == nil {
		return fmt.Errorf("target %s needs a tgt_vocab_path", s.Target)
	}
	if s.TargetTokenizer == nil || s.TargetTokenizer.Vocabulary != s.TargetVocabulary {
		return errors.New("the tokenizer of outputs is not of their vocabulary")
	}
	if s.TargetSequenceLength < 1 {
		return fmt.Errorf("tgt_seq_length %d: must be at least 1", s.TargetSequenceLength)
	}
	return nil
}

func (s *Settings) checkNumbers(recipe Recipe) error {
	buffer := 1
	if recipe.needsOthers {
		buffer = 2
	}
	for _, c := range []struct {
		name           string
		value, minimum int
	}{
		{"seq_length", s.SequenceLength, recipe.minLength},
		{"dup_factor", s.DupFactor, 1},
		{"docs_buffer_size", s.DocumentsBufferSize, buffer},
		{"processes_num", s.Workers, 1},
	} {
		if c.value < c.minimum {
			return fmt.Errorf("%s %d: must be at least %d for target %s", c.name, c.value, c.minimum, s.Target)
		}
	}
	if p := s.ShortSequenceProbability; !(p >= 0 && p <= 1) {
		return fmt.Errorf("short_seq_prob %v: must be between 0 and 1", p)
	}
	return nil
}

// Buffered reports whether documents are collected in a buffer, of DocumentsBufferSize, before instances are made of them.
func (s *Settings) Buffered() bool {
	return ByTarget[s.Target].needsOthers || s.FullSentences || s.passes() > 1
}

// passes returns the number of passes through the corpus: one if no masks are stored.
func (s *Settings) passes() int {
	if s.Dynamic || !task.ByName[s.Target].Masked {
		return 1
	}
	return s.DupFactor
}

// division is how the corpus is divided into documents: runs of lines where the target needs sentences, else single lines.
func (s *Settings) division() corpus.Division {
	if task.ByName[s.Target].Corpus == task.SentenceLines {
		return corpus.ByBlankLine
	}
	return corpus.ByLine
}
