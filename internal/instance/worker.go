package instance

import (
	"sync/atomic"

	"uer/internal/corpus"
	"uer/internal/masking"
	"uer/internal/random"
	"uer/internal/task"
	"uer/internal/tokenizer"
)

// document is a document as token ids, sentence after sentence, or a piece of a text that FullSentences joined.
type document struct {
	number int // in the corpus; seeds its random numbers, with piece
	piece  int // number of the piece, from 1; 0 for a document
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
	rows       Rows
	statistics Statistics
	notes      notes
	done       int   // bytes of the corpus, times passes, up to the end of the portion
	err        error // the first of rows.Append
}

// reset empties a portion whose instances have been used.
func (p *portion) reset() {
	p.rows.Reset()
	p.notes.reset()
	*p = portion{rows: p.rows, notes: p.notes}
}

// worker is what one goroutine needs to make instances.
type worker struct {
	settings        *Settings
	task            task.Task
	recipe          Recipe
	reader          *corpus.Reader
	tokenizer       tokenizer.Tokenizer
	targetTokenizer tokenizer.Tokenizer
	masker          *masking.Masker // nil if nothing is masked here
	stream          *random.Stream
	document        document    // being read
	collected       collection  // being read for a buffer
	alone           [1]document // document, for recipes that need no others
	sequence        []int32     // an instance being put together
	ends            []int32     // of its segments
	hidden          []int32     // its tokens with masks
	masks           []task.Mask // not nil, even where nothing is masked
	looked          []int32     // tokens of a word
	unknownLevel    *atomic.Int64
	portion         *portion
}

func newWorker(settings *Settings) (*worker, error) {
	t := task.ByName[settings.Target]
	w := &worker{
		settings:  settings,
		task:      t,
		recipe:    ByTarget[settings.Target],
		tokenizer: settings.Tokenizer.New(),
		stream:    random.NewStream(),
		masks:     []task.Mask{},

		unknownLevel: new(atomic.Int64),
	}
	w.targetTokenizer = w.tokenizer
	if t.Output {
		w.targetTokenizer = settings.TargetTokenizer.New()
	}
	if t.Masked && !settings.Dynamic {
		var err error
		if w.masker, err = masking.New(settings.Vocabulary, settings.Masking); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// random returns the random numbers of one document in one pass, which depend on nothing else. It is nil if none are
// drawn.
func (w *worker) random(pass int, d *document) random.Generator {
	if w.masker == nil && !w.recipe.draws {
		return nil
	}
	w.stream.Reset(w.settings.Seed, pass, d.number, d.piece)
	return w.stream
}

// tokenize makes w.document of a text.
func (w *worker) tokenize(text corpus.Document) error {
	w.document = document{number: text.Number, tokens: w.document.tokens[:0], ends: w.document.ends[:0]}
	return w.recipe.tokenize(w, text)
}

// tokenizeSentences keeps the sentences that have tokens.
func tokenizeSentences(w *worker, text corpus.Document) error {
	d := &w.document
	for _, sentence := range text.Sentences {
		before := len(d.tokens)
		d.tokens = w.tokenizer.AppendIDs(d.tokens, sentence)
		if w.task.Corpus == task.SentenceLines {
			w.checkLength(before)
		}
		if len(d.tokens) > before {
			d.closeSentence()
		}
	}
	return nil
}

// segments returns the ends of an instance's segments, valid until the next call.
func (w *worker) segments(ends ...int32) []int32 {
	w.ends = append(w.ends[:0], ends...)
	return w.ends
}

// add adds an instance to the portion and masks it, unless masks are drawn during training.
func (w *worker) add(x task.Instance, generator random.Generator) {
	w.count(x)
	if w.masker != nil {
		w.hidden = append(w.hidden[:0], x.Tokens...)
		w.masks = w.masker.Mask(w.hidden, generator, w.masks[:0])
		x.Tokens, x.Masks = w.hidden, w.masks
		w.countMasks()
	}
	if err := w.portion.rows.Append(x); err != nil && w.portion.err == nil {
		w.portion.err = err
	}
}

// count counts an instance.
func (w *worker) count(x task.Instance) {
	s := &w.portion.statistics
	s.Instances++
	inputs := int(x.Ends[len(x.Ends)-1])
	s.Tokens += int64(inputs + len(x.Output))
	s.Length = max(s.Length, inputs)
	if w.task.Labelled {
		s.Labels.include(Range{true, x.Label, x.Label})
	}
}

// countMasks counts the masks of an instance and the runs of tokens that they hide.
func (w *worker) countMasks() {
	runs, after := 0, int32(-1)
	for _, mask := range w.masks {
		if mask.Position != after {
			runs++
		}
		after = mask.Position + 1
	}
	s := &w.portion.statistics
	s.Masked += int64(len(w.masks))
	s.Runs = max(s.Runs, runs)
}
