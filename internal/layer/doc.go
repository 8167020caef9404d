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
	Length    int         // the longest sequence
	Size      int         // the most sequences
}

// NewBatch declares the inputs that every model has.
func NewBatch(b *graph.Builder, size, length int) Batch {
	tokens := size * length
	return Batch{
		Tokens:    b.Input("tokens", graph.Int32, tokens),
		Positions: b.Input("positions", graph.Int32, tokens),
		Segments:  b.Input("segments", graph.Int32, tokens),
		Rows:      b.Input("rows", graph.Int32, tokens),
		Starts:    b.Input("starts", graph.Int32, size+1),
		Length:    length,
		Size:      size,
	}
}
