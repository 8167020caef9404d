package encoder

import (
	"uer/internal/config"
	"uer/internal/graph"
	"uer/internal/kernel"
	"uer/internal/layer"
	"uer/internal/op"
)

// recurrent is a stack of layers_num recurrent layers, from the first token to the last; with bidirectional each layer
// runs both ways, half as wide, and the next one sees both (as PyTorch stacks them).
func recurrent(cell kernel.Cell) Encoder {
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
				forward := layer.NewRecurrent(scope, cell, i, width, hidden, false)
				y := forward.Apply(s.Builder, batch, x) // [tokens, hidden]
				if m.Bidirectional {
					backward := layer.NewRecurrent(scope, cell, i, width, hidden, true)
					y = s.Apply(op.Concat{}, y, backward.Apply(s.Builder, batch, x)) // [tokens, hidden_size]
				}
				return y
			})
			width = m.HiddenSize
		}
		// Dropout between layers and, by UER-py, once more on the output.
		return layer.Dropout(s.Builder, batch, m.Dropout, x)
	}
}

// twoRecurrent is two stacks that never see each other, one in each direction and each half of hidden_size wide, side by
// side (ELMo).
func twoRecurrent(cell kernel.Cell) Encoder {
	return func(s graph.Scope, m config.Model, batch layer.Batch, x *graph.Node) *graph.Node {
		forward := oneDirection(s.In("rnn_forward"), cell, m, batch, x, false)  // [tokens, hidden_size/2]
		backward := oneDirection(s.In("rnn_backward"), cell, m, batch, x, true) // [tokens, hidden_size/2]
		return layer.Dropout(s.Builder, batch, m.Dropout, s.Apply(op.Concat{}, forward, backward))
	}
}

// oneDirection is a stack of layers with dropout between them.
func oneDirection(s graph.Scope, cell kernel.Cell, m config.Model, batch layer.Batch, x *graph.Node, reverse bool) *graph.Node {
	hidden, width := m.HiddenSize/2, m.EmbeddingSize
	for i := range m.LayersNumber {
		x = s.Block(func() *graph.Node {
			if i > 0 {
				x = layer.Dropout(s.Builder, batch, m.Dropout, x)
			}
			l := layer.NewRecurrent(s, cell, i, width, hidden, false)
			if reverse {
				l = l.Reversed()
			}
			return l.Apply(s.Builder, batch, x) // [tokens, hidden_size/2]
		})
		width = hidden
	}
	return x
}

func isTwo(encoder string) bool {
	return encoder == "birnn" || encoder == "bilstm" || encoder == "bigru"
}
