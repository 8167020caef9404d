package embedding

import (
	"math"

	"uer/internal/config"
	"uer/internal/graph"
	"uer/internal/layer"
	"uer/internal/op"
)

// WordSinusoidal is √emb_size times the word vector plus fixed sinusoids of the position (Vaswani et al., 2017),
// without normalisation. The sinusoids are in the state dict as embedding.pe [max_seq_length, 1, emb_size].
func WordSinusoidal(s graph.Scope, m config.Model, vocabularySize int, batch layer.Batch) *graph.Node {
	waves := s.Frozen("pe", m.MaxSequenceLength, 1, m.EmbeddingSize)
	word := wordTable(s, m, vocabularySize)
	scaled := op.Embedding{Tables: 2, Scale: float32(math.Sqrt(float64(m.EmbeddingSize)))}
	x := s.Apply(scaled, word, waves, batch.Tokens, batch.Positions) // [tokens, emb_size]
	return layer.Dropout(s.Builder, batch, m.Dropout, x)
}

// Waves fills a table [positions, width] with sin(t·10000^(−2i/width)) in column 2i of row t and the cosine in column
// 2i+1.
func Waves(table []float32, width int) {
	for t := range len(table) / width {
		row := table[t*width : (t+1)*width]
		for i := 0; i < width; i += 2 {
			angle := float64(t) * math.Pow(10000, -float64(i)/float64(width))
			row[i], row[i+1] = float32(math.Sin(angle)), float32(math.Cos(angle))
		}
	}
}
