// Package layer holds the modules that models are made of. A module is a struct of parameter nodes: its New function
// declares them in the order of UER-py's state dicts, its Apply puts the computation on the graph. Applying a module
// twice shares its parameters.
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
	Lengths   *graph.Node // [sequences] real tokens, where padding is processed too
	Length    int         // the longest sequence
	Size      int         // the most sequences
}

// NewBatch declares the inputs that models have; a model uses those that it needs.
func NewBatch(b *graph.Builder, size, length int) Batch {
	tokens := size * length
	return Batch{
		Tokens:    b.Input("tokens", graph.Int32, tokens),
		Positions: b.Input("positions", graph.Int32, tokens),
		Segments:  b.Input("segments", graph.Int32, tokens),
		Rows:      b.Input("rows", graph.Int32, tokens),
		Starts:    b.Input("starts", graph.Int32, size+1),
		First:     b.Input("first", graph.Int32, size),
		Last:      b.Input("last", graph.Int32, size),
		Prefix:    b.Input("prefix", graph.Int32, size),
		Lengths:   b.Input("lengths", graph.Int32, size),
		Length:    length,
		Size:      size,
	}
}
