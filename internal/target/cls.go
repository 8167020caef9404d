package target

import (
	"uer/internal/config"
	"uer/internal/graph"
	"uer/internal/layer"
	"uer/internal/op"
)

// Poolings are the values of --pooling.
var Poolings = map[string]func(s graph.Scope, batch layer.Batch, x *graph.Node) *graph.Node{
	"first": func(s graph.Scope, batch layer.Batch, x *graph.Node) *graph.Node {
		return s.Apply(op.Gather{}, x, batch.First, batch.Rows)
	},
	"last": func(s graph.Scope, batch layer.Batch, x *graph.Node) *graph.Node {
		return s.Apply(op.Gather{}, x, batch.Last, batch.Rows)
	},
	"mean": func(s graph.Scope, batch layer.Batch, x *graph.Node) *graph.Node {
		return s.Apply(op.Pool{Kind: op.PoolMean}, x, batch.Starts)
	},
	"max": func(s graph.Scope, batch layer.Batch, x *graph.Node) *graph.Node {
		return s.Apply(op.Pool{Kind: op.PoolMax}, x, batch.Starts)
	},
}

// Classification predicts the label of a text from the pooled encoding.
func Classification(s graph.Scope, m config.Model, _ int, batch layer.Batch, x *graph.Node) Losses {
	first := layer.NewLinear(s.In("linear_1"), m.HiddenSize, m.HiddenSize, true)
	second := s.In("linear_2")
	weight, bias := second.Parameter("weight", m.LabelsNumber, m.HiddenSize), second.Parameter("bias", m.LabelsNumber)

	pooled := first.Apply(s.Builder, Poolings[m.Pooling](s, batch, x), op.Tanh) // [sequences, hidden]
	labels := s.Input("sentence_labels", graph.Int32, batch.Size)
	head := classify(s, "cls", pooled, weight, bias, labels)
	return Losses{Total: head.Loss, Heads: []Head{head}}
}
