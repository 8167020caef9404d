package instance

// Statistics counts what Build read and made. All of it adds up over the parts of a corpus, and depends neither on how the
// corpus is divided nor on the order of the parts.
type Statistics struct {
	// Of the corpus, each document counted once however many passes there are.
	Lines     int64 // but for blank ones between sections
	Documents int64 // that instances came from
	Empty     int64 // documents without tokens, from which nothing came
	Skipped   int64 // lines that the target cannot use
	BadLines  int64 // lines left out because of their bytes
	Single    int64 // documents of a single sentence, where the target needs several
	Long      int64 // sentences of these targets that do not fit an instance
	Text      int64 // tokens of the text, without special tokens
	Unknown   int64 // of these, those that the vocabulary lacks

	// Of the instances of all passes.
	Instances int64
	Tokens    int64 // inputs, and outputs of seq2seq, with special tokens, without padding
	Masked    int64 // tokens hidden by static masks
	Cut       int64 // tokens of the text that a pass went through and that are in none of its instances
	Labels    Range // of the labels
	Runs      int   // the most runs of masked tokens in an instance, as static masks hide them
	Length    int   // the most inputs of an instance

	Duplicates   Duplicates
	UnknownWords UnknownWords
}

// Range is the smallest and the largest of some numbers; Any says whether there are any.
type Range struct {
	Any      bool
	Min, Max int32
}

// Add adds the counts of another part of the corpus.
func (s *Statistics) Add(more *Statistics) {
	s.Lines += more.Lines
	s.Documents += more.Documents
	s.Empty += more.Empty
	s.Skipped += more.Skipped
	s.BadLines += more.BadLines
	s.Single += more.Single
	s.Long += more.Long
	s.Text += more.Text
	s.Unknown += more.Unknown
	s.Instances += more.Instances
	s.Tokens += more.Tokens
	s.Masked += more.Masked
	s.Cut += more.Cut
	s.Labels.include(more.Labels)
	s.Runs = max(s.Runs, more.Runs)
	s.Length = max(s.Length, more.Length)
	s.Duplicates.Add(&more.Duplicates)
	s.UnknownWords.Add(&more.UnknownWords)
}

// UnknownShare is the share of the text's tokens that the vocabulary lacks.
func (s *Statistics) UnknownShare() float64 { return share(s.Unknown, s.Text) }

// CutShare is the share of the text that is in no instance of a pass, averaged over the passes.
func (s *Statistics) CutShare(settings *Settings) float64 {
	return share(s.Cut, s.Text*int64(settings.passes()))
}

// SingleShare is the share of the documents that have a single sentence.
func (s *Statistics) SingleShare() float64 { return share(s.Single, s.Documents) }

func share(part, whole int64) float64 { return float64(part) / float64(max(whole, 1)) }

func (r *Range) include(more Range) {
	switch {
	case !more.Any:
	case !r.Any:
		*r = more
	default:
		r.Min, r.Max = min(r.Min, more.Min), max(r.Max, more.Max)
	}
}
