package layer

import (
	"cmp"

	"uer/internal/graph"
)

// Batch is the ragged batch on the graph: all real tokens of all sequences, one sequence after another.
type Batch struct {
	Tokens    *graph.Node // [tokens] ids
	Positions *graph.Node // [tokens] place in the sequence, from 0
	Segments  *graph.Node // [tokens] 1 or 2; 0 is padding
	Rows      *graph.Node // [tokens] number of the token in the padded batch
	Starts    *graph.Node // [sequences+1] where sequences start
	First     *graph.Node // [sequences] the first token of each sequence
	Last      *graph.Node // [sequences] the last token of each sequence
	Prefix    *graph.Node // [sequences] tokens that all tokens of the sequence see
	Lengths   *graph.Node // [sequences] real tokens; fewer than all only where padding is processed
	Length    int         // the longest sequence
	Size      int         // the most sequences
	Predicted int         // the most predictions
	Memory    *Memory     // what the encoder, or the decoder, remembers from run to run; nil if it does not
	Output    *Batch      // the sequences that a decoder reads; nil without decoder
}

// Sizes are those of the largest batch.
type Sizes struct {
	Sequences, Length int // tokens in a sequence
	Output            int // tokens in a sequence of the decoder; 0 without a decoder
	Tokens            int // in all sequences together; 0 if all may have the full length
	OutputTokens      int // the same of the decoder
	Predictions       int // 0 if every token may be predicted
}

// NewBatch declares the inputs that models have; a model uses those that it needs.
func NewBatch(b *graph.Builder, s Sizes) Batch {
	tokens := cmp.Or(s.Tokens, s.Sequences*s.Length)
	batch := newSequences(b, "", s.Sequences, s.Length, tokens)
	batch.First = b.Input("first", graph.Int32, s.Sequences)
	batch.Last = b.Input("last", graph.Int32, s.Sequences)
	batch.Prefix = b.Input("prefix", graph.Int32, s.Sequences)
	batch.Lengths = b.Input("lengths", graph.Int32, s.Sequences)
	batch.Predicted = cmp.Or(s.Predictions, tokens)
	if s.Output > 0 {
		output := newSequences(b, "output_", s.Sequences, s.Output, cmp.Or(s.OutputTokens, s.Sequences*s.Output))
		// Attention between both numbers the keys of either.
		batch.Length, output.Length = max(s.Length, s.Output), max(s.Length, s.Output)
		output.Predicted = cmp.Or(s.Predictions, s.Sequences*output.Length)
		batch.Output = &output
	}
	return batch
}

func newSequences(b *graph.Builder, prefix string, size, length, tokens int) Batch {
	return Batch{
		Tokens:    b.Input(prefix+"tokens", graph.Int32, tokens),
		Positions: b.Input(prefix+"positions", graph.Int32, tokens),
		Segments:  b.Input(prefix+"segments", graph.Int32, tokens),
		Rows:      b.Input(prefix+"rows", graph.Int32, tokens),
		Starts:    b.Input(prefix+"starts", graph.Int32, size+1),
		Length:    length,
		Size:      size,
	}
}
