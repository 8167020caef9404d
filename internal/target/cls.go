package target

import (
	"uer/internal/config"
	"uer/internal/graph"
	"uer/internal/layer"
	"uer/internal/op"
)

// Pooling makes one vector of the encoded tokens of a text.
type Pooling struct {
	Build      func(s graph.Scope, batch layer.Batch, x *graph.Node) *graph.Node // [tokens, hidden] to [sequences, hidden]
	FirstToken bool                                                              // it takes the first token alone
}

// Poolings are the values of --pooling.
var Poolings = map[string]Pooling{
	"first": {FirstToken: true, Build: func(s graph.Scope, batch layer.Batch, x *graph.Node) *graph.Node {
		return s.Apply(op.Gather{}, x, batch.First, batch.Rows)
	}},
	"last": {Build: func(s graph.Scope, batch layer.Batch, x *graph.Node) *graph.Node {
		return s.Apply(op.Gather{}, x, batch.Last, batch.Rows)
	}},
	"mean": {Build: func(s graph.Scope, batch layer.Batch, x *graph.Node) *graph.Node {
		return s.Apply(op.Pool{Kind: op.PoolMean}, x, batch.Starts)
	}},
	"max": {Build: func(s graph.Scope, batch layer.Batch, x *graph.Node) *graph.Node {
		return s.Apply(op.Pool{Kind: op.PoolMax}, x, batch.Starts)
	}},
}

// classification predicts the label of a text from the pooled encoding.
var classification = Target{
	Build:        buildClassification,
	Needs:        []string{"labels_num"},
	Uses:         []string{"pooling"},
	ReadsPadding: func(m config.Model) bool { return !Poolings[m.Pooling].FirstToken },
}

func buildClassification(s graph.Scope, m config.Model, _ int, batch layer.Batch, x *graph.Node) Losses {
	first := layer.NewLinear(s.In("linear_1"), m.HiddenSize, m.HiddenSize)
	second := s.In("linear_2")
	weight, bias := second.Parameter("weight", m.LabelsNumber, m.HiddenSize), second.Parameter("bias", m.LabelsNumber)

	pooled := first.Apply(s.Builder, Poolings[m.Pooling].Build(s, batch, x), op.Tanh) // [sequences, hidden]
	labels := s.Input("sentence_labels", graph.Int32, batch.Size)
	head := classify(s, op.CrossEntropy{}, "cls", pooled, weight, bias, labels)
	return Losses{Total: head.Loss, Heads: []Head{head}}
}
