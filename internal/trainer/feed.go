package trainer

import (
	"uer/internal/batch"
	device "uer/internal/device/cpu"
)

// feeder gives batches to the inputs of a model.
type feeder struct {
	executor *device.Executor
	last     []int32 // [sequences] the last token of each sequence
}

// feed sets the inputs for the next run. The batch must stay as it is until then.
func (f *feeder) feed(b *batch.Batch) error {
	f.last = f.last[:0]
	for _, end := range b.Starts[1:] {
		f.last = append(f.last, end-1)
	}
	inputs := [...]struct {
		name string
		data []int32
	}{
		{"tokens", b.Tokens}, {"positions", b.Positions}, {"segments", b.Segments}, {"rows", b.Rows},
		{"starts", b.Starts}, {"first", b.Starts[:len(b.Starts)-1]}, {"last", f.last}, {"prefix", b.Prefix},
		{"lengths", b.Lengths},
		{"output_tokens", b.Output.Tokens}, {"output_positions", b.Output.Positions},
		{"output_segments", b.Output.Segments}, {"output_rows", b.Output.Rows}, {"output_starts", b.Output.Starts},
		{"predicted", b.Predicted}, {"labels", b.Labels},
		{"backward_predicted", b.BackwardPredicted}, {"backward_labels", b.BackwardLabels},
		{"sentence_labels", b.SentenceLabels},
	}
	for _, input := range inputs {
		if err := f.executor.Feed(input.name, input.data); err != nil {
			return err
		}
	}
	return nil
}
