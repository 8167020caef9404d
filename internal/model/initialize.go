package model

import (
	"hash/fnv"
	"math/rand/v2"
	"strings"

	"uer/internal/embedding"
	"uer/internal/graph"
)

// deviation of the initial parameters, as in BERT and UER-py.
const deviation = 0.02

// Initialize fills the flat parameters: gains of normalisations with 1, their offsets with 0, everything else, biases
// included, with N(0, 0.02²) as UER-py does. Each parameter has its own random stream, keyed by the seed and its name.
func Initialize(program *graph.Program, parameters []float32, seed int64) {
	for _, p := range program.Parameters {
		values := parameters[p.Offset : p.Offset+p.Shape.Elements()]
		switch {
		case p.Frozen:
			embedding.Waves(values, p.Shape[len(p.Shape)-1])
		case isNormGain(p.Name):
			for i := range values {
				values[i] = 1
			}
		case strings.HasSuffix(p.Name, "beta"):
			clear(values)
		default:
			name := fnv.New64a()
			name.Write([]byte(p.Name))
			generator := rand.New(rand.NewPCG(uint64(seed), name.Sum64()))
			for i := range values {
				values[i] = float32(generator.NormFloat64() * deviation)
			}
		}
	}
}
