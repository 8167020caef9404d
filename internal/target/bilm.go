package target

import (
	"uer/internal/config"
	"uer/internal/graph"
	"uer/internal/layer"
	"uer/internal/op"
)

// bidirectionalLanguageModel predicts each next token from the first half of the encoding, which must not look ahead, and
// each previous token from the second half, which must not look back (ELMo). Both share one output layer.
var bidirectionalLanguageModel = Target{
	Build:       buildBidirectionalLanguageModel,
	Uses:        outputLayerUses,
	OutputWidth: func(m config.Model) int { return m.HiddenSize / 2 },
}

func buildBidirectionalLanguageModel(
	s graph.Scope, m config.Model, vocabularySize int, batch layer.Batch, x *graph.Node,
) Losses {
	half := m.HiddenSize / 2
	weight, bias := outputLayer(s, m, vocabularySize, half)
	forward := s.Apply(op.Columns{Count: half}, x)              // [tokens, hidden/2]
	backward := s.Apply(op.Columns{From: half, Count: half}, x) // [tokens, hidden/2]

	picked, labels := predicted(s, batch, forward)
	first := predictTokens(s, m, "forward", picked, weight, bias, labels)

	maximum := batch.Predicted
	index := s.Input("backward_predicted", graph.Int32, maximum)
	labels = s.Input("backward_labels", graph.Int32, maximum)
	picked = s.Apply(op.Gather{}, backward, index, batch.Rows) // [predicted, hidden/2]
	second := predictTokens(s, m, "backward", picked, weight, bias, labels)
	return Losses{Total: s.Apply(op.Total{}, first.Loss, second.Loss), Heads: []Head{first, second}}
}
