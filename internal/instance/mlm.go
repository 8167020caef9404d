package instance

import (
	"slices"

	"uer/internal/random"
	"uer/internal/task"
)

// enclosed returns [CLS], the tokens of a document and [SEP].
func (w *worker) enclosed(d *document) []int32 {
	v := w.settings.Vocabulary
	w.sequence = append(append(append(w.sequence[:0], v.Class), d.tokens...), v.Separator)
	return w.sequence
}

// buildMLM cuts a document into pieces of the sequence length.
func buildMLM(w *worker, documents []document, i int, generator random.Generator) {
	for piece := range slices.Chunk(w.enclosed(&documents[i]), w.settings.SequenceLength) {
		w.addPiece(piece, generator)
	}
}

// buildPiece makes an instance of a piece that join made.
func buildPiece(w *worker, pieces []document, i int, generator random.Generator) {
	w.addPiece(pieces[i].tokens, generator)
}

func (w *worker) addPiece(tokens []int32, generator random.Generator) {
	w.add(task.Instance{Tokens: tokens, Ends: []int32{int32(len(tokens))}}, generator)
}

// join concatenates documents, each from [CLS] to [SEP], and cuts the result into pieces of the sequence length, which it
// numbers from number on.
func (w *worker) join(documents []document, number int) []document {
	var text []int32
	for i := range documents {
		text = append(text, w.enclosed(&documents[i])...)
	}
	pieces := make([]document, 0, len(text)/w.settings.SequenceLength+1)
	for piece := range slices.Chunk(text, w.settings.SequenceLength) {
		pieces = append(pieces, document{number: number + len(pieces), tokens: piece})
	}
	return pieces
}
