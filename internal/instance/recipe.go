package instance

import (
	"uer/internal/corpus"
	"uer/internal/random"
)

// Recipe says how the instances of a target are made. What they hold is in [task.Task].
type Recipe struct {
	minLength   int  // the shortest sequence length
	joinable    bool // FullSentences may join documents
	needsOthers bool // a document is paired with others of the buffer
	draws       bool // build draws random numbers, besides those of masks

	// tokenize appends the tokens of a document to w.document. A document without tokens makes no instance.
	tokenize func(w *worker, text corpus.Document) error
	// build adds the instances of documents[i] to w.portion. It draws its random numbers in UER-py's order.
	build func(w *worker, documents []document, i int, generator random.Generator)
}

// ByTarget holds the recipes by target.
var ByTarget = map[string]Recipe{
	"mlm":      {minLength: 3, joinable: true, tokenize: tokenizeSentences, build: buildMLM},
	"t5":       {minLength: 3, joinable: true, tokenize: tokenizeSentences, build: buildMLM},
	"bert":     {minLength: 5, needsOthers: true, draws: true, tokenize: tokenizeSentences, build: buildBERT},
	"albert":   {minLength: 5, draws: true, tokenize: tokenizeSentences, build: buildALBERT},
	"lm":       {minLength: 2, tokenize: tokenizeSentences, build: buildLM},
	"bilm":     {minLength: 1, tokenize: tokenizeSentences, build: buildBiLM},
	"cls":      {minLength: 2, tokenize: tokenizeLabelled, build: buildCLS},
	"prefixlm": {minLength: 4, tokenize: tokenizePair, build: buildPrefixLM},
	"seq2seq":  {minLength: 3, tokenize: tokenizePair, build: buildSeq2Seq},
}
