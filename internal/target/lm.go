package target

import (
	"uer/internal/config"
	"uer/internal/graph"
	"uer/internal/layer"
	"uer/internal/op"
)

// languageModel predicts each next token from those before it (GPT). The encoder must not look ahead.
var languageModel = Target{Build: buildLanguageModel, Uses: outputLayerUses, OutputWidth: hiddenSize}

func hiddenSize(m config.Model) int { return m.HiddenSize }

func buildLanguageModel(s graph.Scope, m config.Model, vocabularySize int, batch layer.Batch, x *graph.Node) Losses {
	weight, bias := outputLayer(s, m, vocabularySize, m.HiddenSize)
	x, labels := predicted(s, batch, x) // [predicted, hidden], [predicted]
	head := predictTokens(s, m, "lm", x, weight, bias, labels)
	return Losses{Total: head.Loss, Heads: []Head{head}}
}

// predicted declares the inputs that say which tokens are predicted and where, and returns the rows of x
// [predicted, width] that predict them and their ids [predicted].
func predicted(s graph.Scope, batch layer.Batch, x *graph.Node) (rows, labels *graph.Node) {
	maximum := batch.Predicted
	index := s.Input("predicted", graph.Int32, maximum)
	labels = s.Input("labels", graph.Int32, maximum)
	return s.Apply(op.Gather{}, x, index, batch.Rows), labels
}

// predictTokens is classify where the classes are tokens.
func predictTokens(s graph.Scope, m config.Model, name string, x, weight, bias, labels *graph.Node) Head {
	head := classify(s, op.CrossEntropy{ZLoss: m.ZLoss}, name, x, weight, bias, labels)
	head.Tokens = true
	return head
}

// classify adds a softmax over x Wᵀ + b and its cross-entropy to the graph; bias may be nil.
func classify(s graph.Scope, entropy op.CrossEntropy, name string, x, weight, bias, labels *graph.Node) Head {
	entropy.Bias = bias != nil
	inputs := op.CrossEntropyInputs[*graph.Node]{Hidden: x, Weight: weight, Bias: bias, Labels: labels}
	outs := s.ApplyAll(entropy, inputs.List(entropy)...)
	if outs == nil {
		return Head{}
	}
	return Head{
		Name: name, Loss: outs[0], Correct: outs[1], Labels: labels.Name(),
		hidden: x, weight: weight, bias: bias,
	}
}

// outputLayerUses are the optional settings that outputLayer uses.
var outputLayerUses = []string{"tie_weights", "has_lmtarget_bias", "z_loss"}

// outputLayer declares the layer that scores the vocabulary: its weight [vocabulary, width] and its bias [vocabulary],
// which is nil unless has_lmtarget_bias is set.
func outputLayer(s graph.Scope, m config.Model, vocabularySize, width int) (weight, bias *graph.Node) {
	output := s.In("output_layer")
	weight = outputWeight(output, m, vocabularySize, width)
	if m.HasLMTargetBias {
		bias = output.Parameter("bias", vocabularySize)
	}
	return weight, bias
}

// outputWeight is the weight of the layer that scores the vocabulary, [vocabulary, width]: the word table with tie_weights.
func outputWeight(s graph.Scope, m config.Model, vocabularySize, width int) *graph.Node {
	if m.TieWeights {
		return s.Share("weight", s.Named("embedding.word_embedding.weight"))
	}
	return s.Parameter("weight", vocabularySize, width)
}
