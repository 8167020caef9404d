package target

import (
	"uer/internal/config"
	"uer/internal/graph"
	"uer/internal/layer"
)

// maskedLanguageModel predicts the original tokens of the masked positions (BERT).
var maskedLanguageModel = Target{
	Build: buildMaskedLanguageModel, Needs: maskedHeadNeeds, Uses: maskedHeadUses, OutputWidth: maskedHeadWidth,
}

func buildMaskedLanguageModel(s graph.Scope, m config.Model, vocabularySize int, batch layer.Batch, x *graph.Node) Losses {
	head := maskedHead(s, m, vocabularySize, batch, x)
	return Losses{Total: head.Loss, Heads: []Head{head}}
}

// The settings that maskedHead cannot do without, and the optional ones that it uses.
var (
	maskedHeadNeeds = []string{"hidden_act"}
	maskedHeadUses  = []string{"tie_weights", "factorized_embedding_parameterization", "z_loss"}
)

// maskedHeadWidth is hidden_size, or emb_size where the embedding is factorized.
func maskedHeadWidth(m config.Model) int {
	if m.FactorizedEmbeddingParameterization {
		return m.EmbeddingSize
	}
	return m.HiddenSize
}

// maskedHead is a linear map with activation and normalisation, followed by scores of the vocabulary.
func maskedHead(s graph.Scope, m config.Model, vocabularySize int, batch layer.Batch, x *graph.Node) Head {
	activation, err := layer.Activation(m.HiddenActivation)
	if err != nil {
		s.Fail(err)
		return Head{}
	}
	width := maskedHeadWidth(m)
	linear := layer.NewLinear(s.In("mlm_linear_1"), m.HiddenSize, width)
	norm := layer.NewNorm(s.In("layer_norm"), m, width)
	output := s.In("mlm_linear_2")
	weight := outputWeight(output, m, vocabularySize, width) // [vocabulary, width]
	bias := output.Parameter("bias", vocabularySize)

	x, labels := predicted(s, batch, x)        // [predicted, hidden], [predicted]
	x = linear.Apply(s.Builder, x, activation) // [predicted, width]
	x = norm.Apply(s.Builder, x)               // [predicted, width]
	return predictTokens(s, m, "mlm", x, weight, bias, labels)
}
