package batch

import "uer/internal/device"

// Inputs lists what the batch holds for a program, by the names of the program's inputs, in a list whose memory may be used
// again. What the target does not have is nil. The slices are valid as long as the batch.
func (b *Batch) Inputs(list device.Inputs) device.Inputs {
	b.last = b.last[:0]
	for _, end := range b.Starts[1:] {
		b.last = append(b.last, end-1)
	}
	return append(list[:0],
		device.Input{Name: "tokens", Data: b.Tokens},
		device.Input{Name: "positions", Data: b.Positions},
		device.Input{Name: "segments", Data: b.Segments},
		device.Input{Name: "rows", Data: b.Rows},
		device.Input{Name: "starts", Data: b.Starts},
		device.Input{Name: "first", Data: b.Starts[:len(b.Starts)-1]},
		device.Input{Name: "last", Data: b.last},
		device.Input{Name: "prefix", Data: b.Prefix},
		device.Input{Name: "lengths", Data: b.Lengths},
		device.Input{Name: "output_tokens", Data: b.Output.Tokens},
		device.Input{Name: "output_positions", Data: b.Output.Positions},
		device.Input{Name: "output_segments", Data: b.Output.Segments},
		device.Input{Name: "output_rows", Data: b.Output.Rows},
		device.Input{Name: "output_starts", Data: b.Output.Starts},
		device.Input{Name: "predicted", Data: b.Predicted},
		device.Input{Name: "labels", Data: b.Labels},
		device.Input{Name: "backward_predicted", Data: b.BackwardPredicted},
		device.Input{Name: "backward_labels", Data: b.BackwardLabels},
		device.Input{Name: "sentence_labels", Data: b.SentenceLabels},
	)
}
