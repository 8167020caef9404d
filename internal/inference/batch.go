package inference

import "uer/internal/device"

// sequences are those of one run, without padding, one after another.
type sequences struct {
	tokens, positions, segments, rows []int32 // [tokens]
	starts                            []int32 // [sequences+1]
	first, last, prefix, lengths      []int32 // [sequences]
}

func (s *sequences) reset() {
	s.tokens, s.positions, s.segments, s.rows = s.tokens[:0], s.positions[:0], s.segments[:0], s.rows[:0]
	s.starts = append(s.starts[:0], 0)
	s.first, s.last, s.prefix, s.lengths = s.first[:0], s.last[:0], s.prefix[:0], s.lengths[:0]
}

// add appends a sequence whose first token has the given position. Tokens from the position second on are in the second
// segment.
func (s *sequences) add(tokens []int32, position, second int) {
	first := int32(len(s.tokens))
	s.tokens = append(s.tokens, tokens...)
	for i := range tokens {
		segment := int32(1)
		if position+i >= second {
			segment = 2
		}
		s.positions, s.segments = append(s.positions, int32(position+i)), append(s.segments, segment)
		s.rows = append(s.rows, first+int32(i))
	}
	s.starts = append(s.starts, int32(len(s.tokens)))
	s.first, s.last = append(s.first, first), append(s.last, int32(len(s.tokens)-1))
	s.prefix = append(s.prefix, int32(min(len(tokens), max(0, second-position))))
	s.lengths = append(s.lengths, int32(len(tokens)))
}

// list names the inputs of the first ones that models have.
func (s *sequences) list(to device.Inputs, prefix string) device.Inputs {
	return append(to,
		device.Input{Name: prefix + "tokens", Data: s.tokens},
		device.Input{Name: prefix + "positions", Data: s.positions},
		device.Input{Name: prefix + "segments", Data: s.segments},
		device.Input{Name: prefix + "rows", Data: s.rows},
		device.Input{Name: prefix + "starts", Data: s.starts},
	)
}

// batch is the inputs of one run.
type batch struct {
	sequences
	output                                     sequences // that a decoder reads
	predicted                                  []int32   // [predictions] indices of tokens, of the output's if there is one
	remembered, rememberedStarts, sourceStarts []int32   // [keys], [2], [2]: see layer.Memory
	inputs                                     device.Inputs
}

func (b *batch) reset() {
	b.sequences.reset()
	b.output.reset()
	b.predicted = b.predicted[:0]
}

// add appends a sequence of one segment. predicted are places in it.
func (b *batch) add(tokens, predicted []int32) {
	first := int32(len(b.tokens))
	b.sequences.add(tokens, 0, len(tokens))
	for _, place := range predicted {
		b.predicted = append(b.predicted, first+place)
	}
}

// remember says that the only sequence is the end of a text, all of whose earlier tokens are remembered.
func (b *batch) remember(total int) {
	for i := len(b.remembered); i < total; i++ {
		b.remembered = append(b.remembered, int32(i))
	}
	b.remembered = b.remembered[:total]
	b.rememberedStarts = append(b.rememberedStarts[:0], 0, int32(total))
}

// list names the inputs as models do.
func (b *batch) list() device.Inputs {
	b.inputs = b.output.list(b.sequences.list(b.inputs[:0], ""), "output_")
	b.inputs = append(b.inputs,
		device.Input{Name: "first", Data: b.first},
		device.Input{Name: "last", Data: b.last},
		device.Input{Name: "prefix", Data: b.prefix},
		device.Input{Name: "lengths", Data: b.lengths},
		device.Input{Name: "predicted", Data: b.predicted},
		device.Input{Name: "remembered", Data: b.remembered},
		device.Input{Name: "remembered_starts", Data: b.rememberedStarts},
		device.Input{Name: "source_starts", Data: b.sourceStarts},
	)
	return b.inputs
}
