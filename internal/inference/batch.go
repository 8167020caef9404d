package inference

import "uer/internal/device"

// batch is the inputs of one run, without padding: sequences one after another.
type batch struct {
	tokens, positions, segments, rows []int32 // [tokens]
	starts                            []int32 // [sequences+1]
	first, last, prefix, lengths      []int32 // [sequences]
	predicted                         []int32 // [predictions] indices of tokens
	remembered, rememberedStarts      []int32 // [keys], [2]: see layer.Memory
	inputs                            device.Inputs
}

func (b *batch) reset() {
	b.tokens, b.positions, b.segments, b.rows = b.tokens[:0], b.positions[:0], b.segments[:0], b.rows[:0]
	b.starts = append(b.starts[:0], 0)
	b.first, b.last, b.prefix, b.lengths = b.first[:0], b.last[:0], b.prefix[:0], b.lengths[:0]
	b.predicted = b.predicted[:0]
}

// add appends a sequence of one segment whose first token has the given position. predicted are places in the sequence.
func (b *batch) add(tokens []int32, position int, predicted []int32) {
	first := int32(len(b.tokens))
	b.tokens = append(b.tokens, tokens...)
	for i := range tokens {
		b.positions, b.segments = append(b.positions, int32(position+i)), append(b.segments, 1)
		b.rows = append(b.rows, first+int32(i))
	}
	b.starts = append(b.starts, int32(len(b.tokens)))
	b.first, b.last = append(b.first, first), append(b.last, int32(len(b.tokens)-1))
	b.prefix, b.lengths = append(b.prefix, int32(len(tokens))), append(b.lengths, int32(len(tokens)))
	for _, place := range predicted {
		b.predicted = append(b.predicted, first+place)
	}
}

// remember says that the last sequence is the end of a text, all of whose earlier tokens are remembered.
func (b *batch) remember(total int) {
	for i := len(b.remembered); i < total; i++ {
		b.remembered = append(b.remembered, int32(i))
	}
	b.remembered = b.remembered[:total]
	b.rememberedStarts = append(b.rememberedStarts[:0], 0, int32(total))
}

// list names the inputs as models do.
func (b *batch) list() device.Inputs {
	b.inputs = append(b.inputs[:0],
		device.Input{Name: "tokens", Data: b.tokens},
		device.Input{Name: "positions", Data: b.positions},
		device.Input{Name: "segments", Data: b.segments},
		device.Input{Name: "rows", Data: b.rows},
		device.Input{Name: "starts", Data: b.starts},
		device.Input{Name: "first", Data: b.first},
		device.Input{Name: "last", Data: b.last},
		device.Input{Name: "prefix", Data: b.prefix},
		device.Input{Name: "lengths", Data: b.lengths},
		device.Input{Name: "predicted", Data: b.predicted},
		device.Input{Name: "remembered", Data: b.remembered},
		device.Input{Name: "remembered_starts", Data: b.rememberedStarts},
	)
	return b.inputs
}
