package target

import (
	"uer/internal/config"
	"uer/internal/graph"
	"uer/internal/layer"
	"uer/internal/op"
)

// BERT is the masked language model and next sentence prediction.
func BERT(s graph.Scope, m config.Model, vocabularySize int, batch layer.Batch, x *graph.Node) Losses {
	return withSentencePair(s, m, vocabularySize, batch, x, "nsp")
}

// ALBERT is the masked language model and sentence order prediction.
func ALBERT(s graph.Scope, m config.Model, vocabularySize int, batch layer.Batch, x *graph.Node) Losses {
	return withSentencePair(s, m, vocabularySize, batch, x, "sop")
}

func withSentencePair(s graph.Scope, m config.Model, vocabularySize int, batch layer.Batch, x *graph.Node, task string) Losses {
	masked := maskedHead(s, m, vocabularySize, batch, x)
	first := layer.NewLinear(s.In(task+"_linear_1"), m.HiddenSize, m.HiddenSize, true)
	second := s.In(task + "_linear_2")
	weight, bias := second.Parameter("weight", 2, m.HiddenSize), second.Parameter("bias", 2)

	labels := s.Input("sentence_labels", graph.Int32, batch.Size)
	pooled := s.Apply(op.Gather{}, x, batch.First, batch.Rows) // [sequences, hidden]
	pooled = first.Apply(s.Builder, pooled, op.Tanh)           // [sequences, hidden]
	pair := classify(s, "sp", pooled, weight, bias, labels)
	return Losses{Total: s.Apply(op.Total{}, masked.Loss, pair.Loss), Heads: []Head{masked, pair}}
}
