package encoder

import (
	"fmt"
	"strconv"

	"uer/internal/config"
	"uer/internal/graph"
	"uer/internal/layer"
)

// Transformer is a stack of layers_num transformer layers.
func Transformer(s graph.Scope, m config.Model, batch layer.Batch, x *graph.Node) *graph.Node {
	if err := checkTransformer(m); err != nil {
		s.Fail(err)
		return nil
	}
	for i := range m.LayersNumber {
		block, err := layer.NewTransformerLayer(s.In("transformer").In(strconv.Itoa(i)), m)
		if err != nil {
			s.Fail(err)
			return nil
		}
		x = block.Apply(s.Builder, batch, x) // [tokens, hidden]
	}
	return x
}

func checkTransformer(m config.Model) error {
	switch {
	case m.HeadsNumber < 1:
		return fmt.Errorf("the transformer needs heads_num of at least 1")
	case m.FeedForwardSize < 1:
		return fmt.Errorf("the transformer needs feedforward_size of at least 1")
	case m.AttentionHeadSize == 0 && m.HiddenSize%m.HeadsNumber != 0:
		return fmt.Errorf("hidden_size %d is not a multiple of heads_num %d", m.HiddenSize, m.HeadsNumber)
	case m.EmbeddingSize != m.HiddenSize:
		return fmt.Errorf("emb_size %d differs from hidden_size %d", m.EmbeddingSize, m.HiddenSize)
	}
	return nil
}
