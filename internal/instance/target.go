package instance

import (
	"uer/internal/corpus"
	"uer/internal/random"
)

// Target is a way to make instances for one pre-training target.
type Target struct {
	Corpus  string // the form of the corpus, in words
	Masks   bool   // tokens are hidden: the settings for masks apply
	Outputs bool   // a second sequence, of the target vocabulary

	sentences bool // a document is a run of lines instead of one line
	joinable  bool // FullSentences can join documents
	pooled    bool // documents are built from others in the buffer, too
	shortest  int  // sequence length

	// tokenize appends the tokens of a document to w.document; no tokens mean that there is no instance in it.
	tokenize func(w *worker, text corpus.Document) error
	// build adds the instances of documents[i] to w.batch. It draws its random numbers in UER-py's order.
	build func(w *worker, documents []document, i int, generator *random.Python)
}

const (
	documentLines = "one document a line"
	sentenceLines = "one sentence a line and an empty line between documents"
	pairLines     = "source TAB target on each line"
	labelLines    = "label TAB text, or label TAB text TAB text, on each line"
)

// ByTarget holds the targets by name.
var ByTarget = map[string]Target{
	"mlm": mlm,
	"t5":  mlm,
	"bert": {
		Corpus: sentenceLines, Masks: true, sentences: true, pooled: true, shortest: 5,
		tokenize: tokenizeSentences, build: buildBERT,
	},
	"albert": {
		Corpus: sentenceLines, Masks: true, sentences: true, shortest: 5,
		tokenize: tokenizeSentences, build: buildALBERT,
	},
	"lm":       {Corpus: documentLines, shortest: 2, tokenize: tokenizeSentences, build: buildLM},
	"bilm":     {Corpus: documentLines, shortest: 1, tokenize: tokenizeSentences, build: buildBiLM},
	"cls":      {Corpus: labelLines, shortest: 2, tokenize: tokenizeLabelled, build: buildCLS},
	"prefixlm": {Corpus: pairLines, shortest: 4, tokenize: tokenizePair, build: buildPrefixLM},
	"seq2seq":  {Corpus: pairLines, Outputs: true, shortest: 3, tokenize: tokenizePair, build: buildSeq2Seq},
}

var mlm = Target{
	Corpus: documentLines, Masks: true, joinable: true, shortest: 3,
	tokenize: tokenizeSentences, build: buildMLM,
}
