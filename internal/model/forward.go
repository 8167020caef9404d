package model

import (
	"fmt"

	"uer/internal/config"
	"uer/internal/graph"
	"uer/internal/target"
)

// untrained is a model as it computes without training.
func untrained(m config.Model) config.Model {
	m.Dropout, m.Recompute, m.ZLoss = 0, false, 0
	return m
}

func buildForward(m config.Model, vocabularySize int, limits Limits) (*graph.Builder, target.Losses, error) {
	if err := Check(m); err != nil {
		return nil, target.Losses{}, err
	}
	return build(untrained(m), vocabularySize, limits)
}

// NewForward builds a model whose program computes the losses alone: without dropout and without gradients, so it changes
// nothing. It runs on the memory of the program that [New] makes of the same settings, whose parameters have the same
// places. With logits, it keeps those of each head in its state, too.
func NewForward(m config.Model, vocabularySize int, limits Limits, logits bool) (*Model, error) {
	b, losses, err := buildForward(m, vocabularySize, limits)
	if err != nil {
		return nil, err
	}
	model, outputs := headsOf(losses)
	var kept []graph.Kept
	for _, head := range losses.Heads {
		if logits {
			kept = append(kept, graph.Kept{Name: head.Name, Node: head.Logits(b)})
		}
	}
	if model.Program, err = b.CompileForward(append([]*graph.Node{losses.Total}, outputs...), kept...); err != nil {
		return nil, fmt.Errorf("compiling the model for evaluation: %w", err)
	}
	for i, k := range kept {
		head := &model.Heads[i]
		head.Logits, _ = model.Program.FindState(k.Name)
		head.Classes = graph.Dimensions(k.Node)[1]
	}
	return model, nil
}
