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
	w.add(task.Instance{Tokens: tokens, Ends: w.segments(int32(len(tokens)))}, generator)
}

// join concatenates the documents of a buffer, each from [CLS] to [SEP], and cuts the result into pieces of the sequence
// length.
func (s *Settings) join(b buffer) []document {
	size := 0
	for i := range b.documents {
		size += len(b.documents[i].tokens) + 2
	}
	text := make([]int32, 0, size)
	for i := range b.documents {
		text = append(append(append(text, s.Vocabulary.Class), b.documents[i].tokens...), s.Vocabulary.Separator)
	}
	pieces := make([]document, 0, size/s.SequenceLength+1)
	for piece := range slices.Chunk(text, s.SequenceLength) {
		pieces = append(pieces, document{number: b.first, piece: len(pieces) + 1, tokens: piece})
	}
	return pieces
}
