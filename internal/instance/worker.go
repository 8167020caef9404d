package instance

import (
	"uer/internal/corpus"
	"uer/internal/masking"
	"uer/internal/random"
	"uer/internal/tokenizer"
)

// document is a document as token ids, sentence after sentence.
type document struct {
	number int // chooses its random numbers
	label  int32
	tokens []int32
	ends   []int32 // index after the last token of each sentence
}

// between returns the tokens of the sentences from first to last-1.
func (d *document) between(first, last int) []int32 {
	start := int32(0)
	if first > 0 {
		start = d.ends[first-1]
	}
	return d.tokens[start:d.ends[last-1]]
}

// closeSentence ends a sentence behind the tokens added since the last one.
func (d *document) closeSentence() { d.ends = append(d.ends, int32(len(d.tokens))) }

// batch is a run of instances on their way to the caller of Build.
type batch struct {
	instances  []Instance
	tokens     []int32 // of all instances, as are the next two
	ends       []int32
	targets    []masking.Target
	statistics Statistics
	end        int // index after the last document, in the corpus or in the pool
}

// reset empties a batch, whose instances have been used.
func (b *batch) reset() {
	*b = batch{instances: b.instances[:0], tokens: b.tokens[:0], ends: b.ends[:0], targets: b.targets[:0]}
}

// worker is what one goroutine needs to make instances.
type worker struct {
	settings        *Settings
	target          Target
	tokenizer       tokenizer.Tokenizer
	targetTokenizer tokenizer.Tokenizer
	masker          *masking.Masker // nil if masks are drawn while training
	generator       *random.Python
	key             []uint32
	document        document
	alone           [1]document // document, for builders that need no other
	sequence        []int32     // an instance being put together
	batch           *batch
}

func newWorker(settings *Settings) (*worker, error) {
	w := &worker{
		settings:  settings,
		target:    ByTarget[settings.Target],
		tokenizer: tokenizer.ByName[settings.Tokenizer](settings.Vocabulary),
		generator: random.NewPython(),
		batch:     new(batch),
	}
	w.targetTokenizer = w.tokenizer
	if w.target.Outputs {
		w.targetTokenizer = tokenizer.ByName[settings.TargetTokenizer](settings.TargetVocabulary)
	}
	if w.target.Masks && !settings.Dynamic {
		var err error
		if w.masker, err = masking.New(settings.Vocabulary, settings.Masking); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// random returns the generator of one document in one pass, so that what is drawn for it depends on nothing else. It is
// nil if nothing is to be drawn.
func (w *worker) random(pass, number int) *random.Python {
	if w.masker == nil && !w.target.sentences {
		return nil
	}
	w.key = append(w.key[:0], random.Seed(w.settings.Seed)...)
	w.generator.Reset(append(w.key, uint32(pass), uint32(number))...)
	return w.generator
}

// read tokenizes a document into w.document and reports whether it has tokens.
func (w *worker) read(text corpus.Document) (bool, error) {
	w.document = document{number: text.Number, tokens: w.document.tokens[:0], ends: w.document.ends[:0]}
	err := w.target.tokenize(w, text)
	return len(w.document.tokens) > 0, err
}

// tokenizeSentences keeps the sentences that have tokens.
func tokenizeSentences(w *worker, text corpus.Document) error {
	d := &w.document
	for _, sentence := range text.Sentences {
		before := len(d.tokens)
		d.tokens = w.tokenizer.AppendIDs(d.tokens, sentence)
		if len(d.tokens) > before {
			d.closeSentence()
		}
	}
	return nil
}

// add adds a copy of an instance to the batch and masks it if masks are not drawn while training.
func (w *worker) add(x Instance, generator *random.Python) {
	b := w.batch
	tokens, ends, targets := len(b.tokens), len(b.ends), len(b.targets)
	b.tokens = append(append(b.tokens, x.Tokens...), x.Output...)
	b.ends = append(b.ends, x.Ends...)
	middle := tokens + len(x.Tokens)
	added := Instance{
		Tokens: clip(b.tokens[tokens:middle]),
		Ends:   clip(b.ends[ends:]),
		Label:  x.Label,
		Output: clip(b.tokens[middle:]),
	}
	w.count(added)
	if w.masker != nil {
		b.targets = w.masker.Mask(added.Tokens, generator, b.targets)
		added.Targets = clip(b.targets[targets:])
		b.statistics.Masked += int64(len(added.Targets))
	}
	b.instances = append(b.instances, added)
}

// clip returns a slice whose appends do not reach what follows it.
func clip[T any](s []T) []T { return s[:len(s):len(s)] }

// count counts an instance that is not masked yet.
func (w *worker) count(x Instance) {
	s := &w.batch.statistics
	s.Instances++
	s.Tokens += int64(x.Ends[len(x.Ends)-1]) + int64(len(x.Output))
	for _, id := range x.Tokens {
		if id == w.settings.Vocabulary.Unknown {
			s.Unknown++
		}
	}
	for _, id := range x.Output {
		if id == w.settings.TargetVocabulary.Unknown {
			s.Unknown++
		}
	}
}
