package encoder

import (
	"uer/internal/config"
	"uer/internal/graph"
	"uer/internal/layer"
	"uer/internal/op"
)

// recurrent is a stack of layers_num recurrent layers, from the first token to the last; with bidirectional each layer
// runs both ways, half as wide, and the next one sees both (as PyTorch stacks them).
func recurrent(cell op.Cell) Encoder {
	return func(s graph.Scope, m config.Model, batch layer.Batch, x *graph.Node) *graph.Node {
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
				l := layer.NewRecurrent(scope, cell, i, width, hidden, false)
				if !m.Bidirectional {
					return l.Apply(s.Builder, batch, x) // [tokens, hidden_size]
				}
				reverse := layer.NewRecurrent(scope, cell, i, width, hidden, true)
				return l.ApplyBoth(s.Builder, batch, x, reverse, false) // [tokens, hidden_size]
			})
			width = m.HiddenSize
		}
		// Dropout between layers and, by UER-py, once more on the output.
		return layer.Dropout(s.Builder, batch, m.Dropout, x)
	}
}

// twoRecurrent is two stacks that never see each other, one in each direction and each half of hidden_size wide, side by
// side (ELMo).
func twoRecurrent(cell op.Cell) Encoder {
	return func(s graph.Scope, m config.Model, batch layer.Batch, x *graph.Node) *graph.Node {
		forward, backward := oneDirection(s.In("rnn_forward"), cell, m), oneDirection(s.In("rnn_backward"), cell, m)
		for i := range m.LayersNumber {
			x = s.Block(func() *graph.Node {
				if i > 0 {
					x = layer.Dropout(s.Builder, batch, m.Dropout, x)
				}
				// The first layers read the same embedding, those after it the states of their own stack.
				return forward[i].ApplyBoth(s.Builder, batch, x, backward[i], i > 0) // [tokens, hidden_size]
			})
		}
		return layer.Dropout(s.Builder, batch, m.Dropout, x)
	}
}

// oneDirection declares a stack of layers.
func oneDirection(s graph.Scope, cell op.Cell, m config.Model) []layer.Recurrent {
	var layers []layer.Recurrent
	hidden, width := m.HiddenSize/2, m.EmbeddingSize
	for i := range m.LayersNumber {
		layers = append(layers, layer.NewRecurrent(s, cell, i, width, hidden, false))
		width = hidden
	}
	return layers
}

func isTwo(encoder string) bool {
	return encoder == "birnn" || encoder == "bilstm" || encoder == "bigru"
}
