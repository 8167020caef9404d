package encoder

import (
	"uer/internal/config"
	"uer/internal/graph"
	"uer/internal/layer"
	"uer/internal/op"
	"uer/internal/task"
)

// recurrent is a stack of layers_num recurrent layers, which read from the first token to the last. With bidirectional,
// each layer runs in both directions, each half as wide, and the next layer reads both (as PyTorch stacks them).
func recurrent(cell op.Cell) Encoder {
	return Encoder{
		Build: func(s graph.Scope, m config.Model, batch layer.Batch, x *graph.Node) *graph.Node {
			return buildRecurrent(s, cell, m, batch, x)
		},
		Context: func(m config.Model) task.Context {
			if m.Bidirectional {
				return task.Full
			}
			return task.Past
		},
		Blocks:    layers,
		Remembers: func(m config.Model) bool { return !m.Bidirectional },
		Uses:      []string{"bidirectional"},
	}
}

func buildRecurrent(s graph.Scope, cell op.Cell, m config.Model, batch layer.Batch, x *graph.Node) *graph.Node {
	hidden := m.HiddenSize
	if m.Bidirectional {
		hidden /= 2
	}
	scope, width := s.In("rnn"), m.EmbeddingSize
	for i := range m.LayersNumber {
		x = s.Block(func() *graph.Node {
			if i > 0 {
				x = layer.Dropout(s.Builder, batch, m.Dropout, x)
			}
			forward := layer.NewRecurrent(scope, cell, i, width, hidden)
			switch {
			case batch.Memory != nil:
				return forward.Continue(s.Builder, batch, x) // [tokens, hidden_size]
			case !m.Bidirectional:
				return forward.Apply(s.Builder, batch, x) // [tokens, hidden_size]
			}
			reverse := layer.NewReverseRecurrent(scope, cell, i, width, hidden)
			return forward.ApplyBoth(s.Builder, batch, x, reverse) // [tokens, hidden_size]
		})
		width = m.HiddenSize
	}
	// UER-py applies dropout between layers, and once more to the output.
	return layer.Dropout(s.Builder, batch, m.Dropout, x)
}

// splitBidirectional is two recurrent stacks, one in each direction and each half of hidden_size wide, that never see
// each other (ELMo). The encoding is the output of both, side by side.
func splitBidirectional(cell op.Cell) Encoder {
	return Encoder{
		Build: func(s graph.Scope, m config.Model, batch layer.Batch, x *graph.Node) *graph.Node {
			return buildSplitBidirectional(s, cell, m, batch, x)
		},
		Context:  func(config.Model) task.Context { return task.PastAndFutureSplit },
		Blocks:   layers,
		Backward: true,
	}
}

func buildSplitBidirectional(s graph.Scope, cell op.Cell, m config.Model, batch layer.Batch, x *graph.Node) *graph.Node {
	forward, backward := oneDirection(s.In("rnn_forward"), cell, m), oneDirection(s.In("rnn_backward"), cell, m)
	for i := range m.LayersNumber {
		x = s.Block(func() *graph.Node {
			if i == 0 { // both stacks read the embedding
				return forward[i].ApplyBoth(s.Builder, batch, x, backward[i]) // [tokens, hidden_size]
			}
			x = layer.Dropout(s.Builder, batch, m.Dropout, x)
			return forward[i].ApplySplit(s.Builder, batch, x, backward[i]) // [tokens, hidden_size]
		})
	}
	return layer.Dropout(s.Builder, batch, m.Dropout, x)
}

// oneDirection declares a stack of layers.
func oneDirection(s graph.Scope, cell op.Cell, m config.Model) []layer.Recurrent {
	var stack []layer.Recurrent
	hidden, width := m.HiddenSize/2, m.EmbeddingSize
	for i := range m.LayersNumber {
		stack = append(stack, layer.NewRecurrent(s, cell, i, width, hidden))
		width = hidden
	}
	return stack
}
