package instance

import (
	"uer/internal/corpus"
	"uer/internal/masking"
	"uer/internal/random"
	"uer/internal/task"
	"uer/internal/tokenizer"
)

// document is a document as token ids, sentence after sentence.
type document struct {
	number int // seeds its random numbers
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

// closeSentence makes a sentence of the tokens added since the last one.
func (d *document) closeSentence() { d.ends = append(d.ends, int32(len(d.tokens))) }

// portion is a run of instances on their way to the caller of Build.
type portion struct {
	instances  []task.Instance
	tokens     []int32 // of all instances, like ends and masks
	ends       []int32
	masks      []task.Mask
	statistics Statistics
	end        int // where its last document ends: a byte of the corpus, or an index in the buffer
}

// reset empties a portion whose instances have been used.
func (p *portion) reset() {
	*p = portion{instances: p.instances[:0], tokens: p.tokens[:0], ends: p.ends[:0], masks: p.masks[:0]}
}

// worker is what one goroutine needs to make instances.
type worker struct {
	settings        *Settings
	recipe          Recipe
	tokenizer       tokenizer.Tokenizer
	targetTokenizer tokenizer.Tokenizer
	masker          *masking.Masker // nil if nothing is masked here
	generator       *random.Python
	key             []uint32
	document        document
	alone           [1]document // document, for recipes that need no others
	sequence        []int32     // an instance being put together
	portion         *portion
}

func newWorker(settings *Settings) (*worker, error) {
	t := task.ByName[settings.Target]
	w := &worker{
		settings:  settings,
		recipe:    ByTarget[settings.Target],
		tokenizer: tokenizer.ByName[settings.Tokenizer](settings.Vocabulary).New(),
		generator: random.NewPython(),
		portion:   new(portion),
	}
	w.targetTokenizer = w.tokenizer
	if t.Output {
		w.targetTokenizer = tokenizer.ByName[settings.TargetTokenizer](settings.TargetVocabulary).New()
	}
	if t.Masked && !settings.Dynamic {
		var err error
		if w.masker, err = masking.New(settings.Vocabulary, settings.Masking); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// random returns the generator of one document in one pass, so that its random numbers depend on nothing else. It is
// nil if none are drawn.
func (w *worker) random(pass, number int) *random.Python {
	if w.masker == nil && !w.recipe.draws {
		return nil
	}
	w.key = append(w.key[:0], random.Seed(w.settings.Seed)...)
	w.generator.Reset(append(w.key, uint32(pass), uint32(number))...)
	return w.generator
}

// read tokenizes a document into w.document and reports whether it has tokens.
func (w *worker) read(text corpus.Document) (bool, error) {
	w.document = document{number: text.Number, tokens: w.document.tokens[:0], ends: w.document.ends[:0]}
	err := w.recipe.tokenize(w, text)
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

// add adds a copy of an instance to the portion and masks it, unless masks are drawn during training.
func (w *worker) add(x task.Instance, generator *random.Python) {
	p := w.portion
	tokens, ends, masks := len(p.tokens), len(p.ends), len(p.masks)
	p.tokens = append(append(p.tokens, x.Tokens...), x.Output...)
	p.ends = append(p.ends, x.Ends...)
	middle := tokens + len(x.Tokens)
	added := task.Instance{
		Tokens: clip(p.tokens[tokens:middle]),
		Ends:   clip(p.ends[ends:]),
		Label:  x.Label,
		Output: clip(p.tokens[middle:]),
	}
	w.count(added)
	if w.masker != nil {
		p.masks = w.masker.Mask(added.Tokens, generator, p.masks)
		added.Masks = clip(p.masks[masks:])
		p.statistics.Masked += int64(len(added.Masks))
	}
	p.instances = append(p.instances, added)
}

// clip returns s without spare capacity, so that an append to it does not overwrite what follows.
func clip[T any](s []T) []T { return s[:len(s):len(s)] }

// count counts an instance that is not masked yet.
func (w *worker) count(x task.Instance) {
	s := &w.portion.statistics
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
