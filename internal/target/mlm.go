package target

import (
	"uer/internal/config"
	"uer/internal/graph"
	"uer/internal/layer"
)

// MaskedLanguageModel predicts the original tokens of the masked positions (BERT).
func MaskedLanguageModel(s graph.Scope, m config.Model, vocabularySize int, batch layer.Batch, x *graph.Node) Losses {
	head := maskedHead(s, m, vocabularySize, batch, x)
	return Losses{Total: head.Loss, Heads: []Head{head}}
}

// maskedHead is a linear map with activation and normalisation, then scores over the vocabulary. Its width is hidden_size,
// or emb_size where the embedding is factorized.
func maskedHead(s graph.Scope, m config.Model, vocabularySize int, batch layer.Batch, x *graph.Node) Head {
	activation, err := layer.Activation(m.HiddenActivation)
	if err != nil {
		s.Fail(err)
		return Head{}
	}
	width := m.HiddenSize
	if m.FactorizedEmbeddingParameterization {
		width = m.EmbeddingSize
	}
	linear := layer.NewLinear(s.In("mlm_linear_1"), m.HiddenSize, width)
	norm := layer.NewNorm(s.In("layer_norm"), width)
	output := s.In("mlm_linear_2")
	weight := outputWeight(output, m, vocabularySize, width) // [vocabulary, width]
	bias := output.Parameter("bias", vocabularySize)

	x, labels := predicted(s, batch, x)        // [predicted, hidden], [predicted]
	x = linear.Apply(s.Builder, x, activation) // [predicted, width]
	x = norm.Apply(s.Builder, x)               // [predicted, width]
	return classify(s, "mlm", x, weight, bias, labels)
}
