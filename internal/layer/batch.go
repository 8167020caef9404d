package layer

import "uer/internal/graph"

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
	Output    *Batch      // the sequences that a decoder reads; nil without decoder
}

// NewBatch declares the inputs that models have, of up to size sequences of up to length tokens; a model uses those that
// it needs. A decoder reads sequences of up to outputLength tokens, 0 if there is none.
func NewBatch(b *graph.Builder, size, length, outputLength int) Batch {
	batch := newSequences(b, "", size, length)
	batch.First = b.Input("first", graph.Int32, size)
	batch.Last = b.Input("last", graph.Int32, size)
	batch.Prefix = b.Input("prefix", graph.Int32, size)
	batch.Lengths = b.Input("lengths", graph.Int32, size)
	if outputLength > 0 {
		output := newSequences(b, "output_", size, outputLength)
		// Attention between both numbers the keys of either.
		batch.Length, output.Length = max(length, outputLength), max(length, outputLength)
		batch.Output = &output
	}
	return batch
}

func newSequences(b *graph.Builder, prefix string, size, length int) Batch {
	tokens := size * length
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
