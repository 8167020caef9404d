package target

import (
	"uer/internal/config"
	"uer/internal/graph"
	"uer/internal/layer"
	"uer/internal/op"
)

// MaskedLanguageModel predicts the original tokens of the masked positions (BERT): a linear map with activation and
// normalisation, then scores over the vocabulary.
func MaskedLanguageModel(s graph.Scope, m config.Model, vocabularySize int, batch layer.Batch, x *graph.Node) Losses {
	activation, err := layer.Activation(m.HiddenActivation)
	if err != nil {
		s.Fail(err)
		return Losses{}
	}
	linear := layer.NewLinear(s.In("mlm_linear_1"), m.HiddenSize, m.HiddenSize, true)
	norm := layer.NewNorm(s.In("layer_norm"), m.HiddenSize)
	output := s.In("mlm_linear_2")
	weight := outputWeight(output, m, vocabularySize) // [vocabulary, hidden]
	bias := output.Parameter("bias", vocabularySize)

	most := batch.Size * batch.Length
	predicted := s.Input("predicted", graph.Int32, most)
	labels := s.Input("labels", graph.Int32, most)
	x = s.Apply(op.Gather{}, x, predicted, batch.Rows) // [predicted, hidden]
	x = linear.Apply(s.Builder, x, activation)         // [predicted, hidden]
	x = norm.Apply(s.Builder, x)                       // [predicted, hidden]
	outs := s.ApplyAll(op.CrossEntropy{Bias: true}, x, weight, bias, labels)
	if outs == nil {
		return Losses{}
	}
	return Losses{Total: outs[0], Heads: []Head{{Name: "mlm", Loss: outs[0], Correct: outs[1], Labels: "labels"}}}
}

// outputWeight is the weight of the scores over the vocabulary: the word table if the weights are tied.
func outputWeight(s graph.Scope, m config.Model, vocabularySize int) *graph.Node {
	if m.TieWeights {
		return s.Share("weight", s.Named("embedding.word_embedding.weight"))
	}
	return s.Parameter("weight", vocabularySize, m.HiddenSize)
}
