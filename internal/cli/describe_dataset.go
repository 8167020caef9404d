package cli

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strconv"

	"uer/internal/corpus"
	"uer/internal/dataset"
	"uer/internal/task"
	"uer/internal/tokenizer"
)

// describeDataset says how a dataset is made. Settings that have no effect on it are left out.
func (p *preprocessing) describeDataset() dataset.Metadata {
	s := p.settings
	t := task.ByName[s.Target]
	m := dataset.Metadata{
		Target: s.Target, SequenceLength: s.SequenceLength, Seed: s.Seed, Dynamic: s.Dynamic,
		Tokenizer:        describeTokenizer(s.Tokenizer),
		VocabularySHA256: s.Vocabulary.SHA256(), VocabularySize: s.Vocabulary.Size(),
	}
	if t.Output {
		m.TargetSequenceLength, m.TargetTokenizer = s.TargetSequenceLength, describeTokenizer(s.TargetTokenizer)
		m.TargetVocabularySHA256 = s.TargetVocabulary.SHA256()
		m.VocabularySize = max(m.VocabularySize, s.TargetVocabulary.Size())
	}
	made := func(name, value string) { m.Made = append(m.Made, dataset.Setting{Name: name, Value: value}) }
	number := func(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
	made("made_by", "uer "+versionName())
	if t.Masked && !s.Dynamic {
		made("dup_factor", strconv.Itoa(s.DupFactor))
		m.MaskRate = s.Masking.Rate
		made("whole_word_masking", strconv.FormatBool(s.Masking.WholeWord))
		if s.Masking.Dictionary != nil {
			made("words_sha256", s.Masking.Dictionary.SHA256)
		}
		made("span_masking", strconv.FormatBool(s.Masking.Span))
		if s.Masking.Span {
			made("span_geo_prob", number(s.Masking.GeometricProbability))
			made("span_max_length", strconv.Itoa(s.Masking.MaxLength))
		}
	}
	if t.Corpus == task.SentenceLines {
		made("short_seq_prob", number(s.ShortSequenceProbability))
		made("long_sentences", s.LongSentences)
	}
	if s.Target == "mlm" || s.Target == "t5" {
		made("full_sentences", strconv.FormatBool(s.FullSentences))
	}
	if s.Buffered() {
		made("docs_buffer_size", strconv.Itoa(s.DocumentsBufferSize))
	}
	for _, file := range describeCorpus(p.options, p.text) {
		made(file.Name, file.Value)
	}
	return m
}

func describeTokenizer(m *tokenizer.Model) dataset.TokenizerMade {
	return dataset.TokenizerMade{Name: m.Name, Settings: m.Settings, SpecialTokens: m.Vocabulary.SpecialTokens()}
}

// describeCorpus says what text a dataset is made of. Of many files it lists the first ones.
func describeCorpus(options preprocessOptions, text *corpus.Corpus) []dataset.Setting {
	const most = 1000
	type file struct {
		Name     string `json:"name"` // without its folder, which may be another one on another machine
		Bytes    int    `json:"bytes"`
		Encoding string `json:"encoding"`
	}
	files := []file{}
	for _, f := range text.Files[:min(most, len(text.Files))] {
		files = append(files, file{filepath.Base(f.Path), f.Size, f.Encoding()})
	}
	var list bytes.Buffer
	encoder := json.NewEncoder(&list)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(files) // texts and numbers can always be encoded
	settings := []dataset.Setting{
		{Name: "corpus", Value: string(bytes.TrimSpace(list.Bytes()))},
		{Name: "corpus_files", Value: strconv.Itoa(len(text.Files))},
		{Name: "corpus_bytes", Value: strconv.Itoa(text.Size)},
		{Name: "bad_lines", Value: options.BadLines},
	}
	if options.Corpus.TextField != "" {
		settings = append(settings, dataset.Setting{Name: "text_field", Value: options.Corpus.TextField})
	}
	return settings
}
