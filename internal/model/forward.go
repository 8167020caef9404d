package model

import (
	"fmt"

	"uer/internal/config"
	"uer/internal/graph"
)

// NewForward builds a model whose program computes the losses alone: without dropout and without gradients, so it changes
// nothing. It runs on the memory of the program that [New] makes of the same settings, whose parameters have the same
// places. With logits, it keeps those of each head in its state, too.
func NewForward(m config.Model, vocabularySize int, limits Limits, logits bool) (*Model, error) {
	if err := Check(m); err != nil {
		return nil, err
	}
	m.Dropout, m.Recompute, m.ZLoss = 0, false, 0
	b, losses, err := build(m, vocabularySize, limits)
	if err != nil {
		return nil, err
	}
	model, outputs := headsOf(losses)
	kept := map[string]*graph.Node{}
	for _, head := range losses.Heads {
		if logits {
			kept[head.Name] = head.Logits(b)
		}
	}
	if model.Program, err = b.CompileForward(append([]*graph.Node{losses.Total}, outputs...), kept); err != nil {
		return nil, fmt.Errorf("compiling the model for evaluation: %w", err)
	}
	for _, state := range model.Program.State {
		for i := range model.Heads {
			if head := &model.Heads[i]; kept[head.Name] != nil && state.Name == head.Name {
				head.Logits, head.Classes = state, graph.Dimensions(kept[head.Name])[1]
			}
		}
	}
	return model, nil
}
