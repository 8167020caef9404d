package instance

import (
	"slices"

	"uer/internal/random"
	"uer/internal/task"
)

// buildLM cuts a document into pieces one token longer than the sequence length, as the last token is only predicted.
func buildLM(w *worker, documents []document, i int, _ random.Generator) {
	for piece := range slices.Chunk(w.enclosed(&documents[i]), w.settings.SequenceLength+1) {
		inputs := min(len(piece), w.settings.SequenceLength)
		w.add(task.Instance{Tokens: piece, Ends: w.segments(int32(inputs))}, nil)
	}
}

// buildBiLM cuts a document into pieces of the sequence length, each between [CLS] and [SEP], which its outer tokens
// predict.
func buildBiLM(w *worker, documents []document, i int, _ random.Generator) {
	for piece := range slices.Chunk(documents[i].tokens, w.settings.SequenceLength) {
		w.add(task.Instance{Tokens: w.enclosed(&document{tokens: piece}), Ends: w.segments(int32(len(piece)))}, nil)
	}
}
