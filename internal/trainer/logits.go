package trainer

import (
	"fmt"
	"slices"

	"uer/internal/device"
	"uer/internal/graph"
)

// Logits are the scores behind the figures of one batch, with what the model read.
type Logits struct {
	Inputs device.Inputs // those that the batch has
	Heads  []HeadLogits
}

// HeadLogits are the logits of one head.
type HeadLogits struct {
	Name    string
	Classes int
	Values  []float32 // [predictions, Classes]
}

// Logits returns those of the first batch. The model must be one that keeps its logits.
func (e *Evaluator) Logits() (Logits, error) {
	b, err := e.Batches.Batch(0)
	if err != nil {
		return Logits{}, err
	}
	all := Logits{Inputs: slices.DeleteFunc(b.Inputs(nil), func(i device.Input) bool { return len(i.Data) == 0 })}
	if err := e.Program.Feed(b.Inputs(e.inputs)); err != nil {
		return all, fmt.Errorf("computing logits: %w", err)
	}
	if err := e.Program.Run(device.Run{}); err != nil {
		return all, fmt.Errorf("computing logits: %w", err)
	}
	if _, err := e.Program.Figures(true); err != nil {
		return all, fmt.Errorf("computing logits: %w", err)
	}
	for _, head := range e.Model.Heads {
		h := HeadLogits{Name: head.Name, Classes: head.Classes}
		h.Values = make([]float32, len(all.Inputs.Find(head.Labels))*head.Classes)
		if err := e.memory.Read(graph.InState, head.Logits.Offset, h.Values); err != nil {
			return all, fmt.Errorf("reading the logits: %w", err)
		}
		all.Heads = append(all.Heads, h)
	}
	return all, nil
}
