package exchange

import "uer/internal/statedict"

// wordTable is the parameter that holds the vectors of tokens.
const wordTable = "embedding.word_embedding.weight"

// WordTable returns the vectors of tokens [tokens, emb_size], nil if there are none.
func (s *Source) WordTable() *statedict.Tensor {
	for i, t := range s.Tensors {
		if translate(t.Name, map[string]int{wordTable: 0}) == wordTable && len(t.Shape) == 2 {
			return &s.Tensors[i]
		}
	}
	return nil
}
