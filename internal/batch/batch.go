// Package batch turns a dataset into the batches of a rank while the model is computing.
//
// The instances come in our own order, a keyed permutation of the whole dataset for each pass, or in UER-py's, which
// shuffles a buffer at a time. In both, a [Position] says where a training is in the data, and a [Loader] continues from it
// without going through what came before.
package batch

// Sequences are concatenated token sequences, without padding unless it is asked for. A sequence may be empty, unless a
// decoder reads it: it has no tokens and two equal offsets, and everything that computes with sequences must accept that.
type Sequences struct {
	Tokens    []int32 // [tokens] ids
	Positions []int32 // [tokens] from 0 within each sequence
	Segments  []int32 // [tokens] 1 or 2; 0 on padding
	Rows      []int32 // [tokens] number of the token in the padded batch of all ranks: (rank*batch_size+sequence)*length+position
	Starts    []int32 // [sequences+1] offsets into Tokens
	Lengths   []int32 // [sequences] tokens that are not padding
	Prefix    []int32 // [sequences] tokens in the first segment
}

// Batch is what one training step learns from. What a target does not have is empty.
type Batch struct {
	Size           int // sequences of a full batch
	SequenceLength int // tokens of a full sequence; Size*SequenceLength is what UER-py counts for its tokens/s

	Sequences // what the encoder reads

	Instances []int // [sequences] their numbers in the dataset

	Predicted []int32 // [predicted] indices into Tokens (into Output.Tokens for seq2seq and t5)
	Labels    []int32 // [predicted] the ids to predict there, never 0; bilm: the next tokens

	BackwardPredicted []int32 // [backward predicted] bilm: indices into Tokens
	BackwardLabels    []int32 // [backward predicted] bilm: the tokens before

	SentenceLabels []int32 // [sequences] bert: 1 if the second sentence is random; albert: 1 if swapped; cls: the class

	last []int32 // [sequences] the last token of each sequence

	After Progress // where the rank is in the data after this batch

	Output Sequences // seq2seq, t5: what the decoder reads; never padded, as padding at the end cannot reach a token
}

func (s *Sequences) reset() {
	s.Tokens, s.Positions, s.Segments, s.Rows = s.Tokens[:0], s.Positions[:0], s.Segments[:0], s.Rows[:0]
	s.Starts = append(s.Starts[:0], 0)
	s.Lengths, s.Prefix = s.Lengths[:0], s.Prefix[:0]
}

func (b *Batch) reset() {
	b.Sequences.reset()
	b.Output.reset()
	b.Instances = b.Instances[:0]
	b.Predicted, b.Labels = b.Predicted[:0], b.Labels[:0]
	b.BackwardPredicted, b.BackwardLabels = b.BackwardPredicted[:0], b.BackwardLabels[:0]
	b.SentenceLabels = b.SentenceLabels[:0]
}

// add appends a sequence whose segments end at ends, pads it to a length, and returns the index of its first token. row is
// the number of that token in the padded batch.
func (s *Sequences) add(tokens, ends []int32, row int, length int) int {
	first := len(s.Tokens)
	n := int(ends[len(ends)-1])
	s.Tokens = append(s.Tokens, tokens[:n]...)
	position := int32(0)
	for segment, end := range ends {
		for ; position < end; position++ {
			s.Positions = append(s.Positions, position)
			s.Segments = append(s.Segments, int32(segment)+1)
		}
	}
	for ; int(position) < length; position++ {
		s.Tokens = append(s.Tokens, 0)
		s.Positions = append(s.Positions, position)
		s.Segments = append(s.Segments, 0)
	}
	for i := range position {
		s.Rows = append(s.Rows, int32(row)+i)
	}
	s.Starts = append(s.Starts, int32(len(s.Tokens)))
	s.Lengths = append(s.Lengths, int32(n))
	s.Prefix = append(s.Prefix, ends[0])
	return first
}

// predict adds a token to predict, unless it is padding.
func predict(predicted, labels []int32, index int, label, padding int32) ([]int32, []int32) {
	if label == padding {
		return predicted, labels
	}
	return append(predicted, int32(index)), append(labels, label)
}
