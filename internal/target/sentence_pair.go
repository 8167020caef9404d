package target

import (
	"uer/internal/config"
	"uer/internal/graph"
	"uer/internal/layer"
	"uer/internal/op"
)

// maskedSentencePair is the masked language model together with a prediction about the pair of sentences: whether the
// second one follows the first ("nsp", BERT), or whether they are swapped ("sop", ALBERT). The parameters of this
// prediction have names that begin with prefix.
func maskedSentencePair(prefix string) Target {
	return Target{
		Build: func(s graph.Scope, m config.Model, vocabularySize int, batch layer.Batch, x *graph.Node) Losses {
			masked := maskedHead(s, m, vocabularySize, batch, x)
			pair := sentencePairHead(s, prefix, m, batch, x)
			return Losses{Total: s.Apply(op.Total{}, masked.Loss, pair.Loss), Heads: []Head{masked, pair}}
		},
		Needs: maskedHeadNeeds, Uses: maskedHeadUses, OutputWidth: maskedHeadWidth,
	}
}

// sentencePairHead scores the two labels by the encoding of the first token.
func sentencePairHead(s graph.Scope, prefix string, m config.Model, batch layer.Batch, x *graph.Node) Head {
	first := layer.NewLinear(s.In(prefix+"_linear_1"), m.HiddenSize, m.HiddenSize)
	second := s.In(prefix + "_linear_2")
	weight, bias := second.Parameter("weight", 2, m.HiddenSize), second.Parameter("bias", 2)

	labels := s.Input("sentence_labels", graph.Int32, batch.Size)
	pooled := s.Apply(op.Gather{}, x, batch.First, batch.Rows) // [sequences, hidden]
	pooled = first.Apply(s.Builder, pooled, op.Tanh)           // [sequences, hidden]
	head := classify(s, op.CrossEntropy{}, "sp", pooled, weight, bias, labels)
	return head
}
