package model

import (
	"hash/fnv"
	"math"
	"math/rand/v2"
	"strings"
	"sync"

	"uer/internal/config"
	"uer/internal/embedding"
	"uer/internal/graph"
)

// deviation of the initial parameters, as in BERT and UER-py.
const deviation = 0.02

// Initialize fills the flat parameters: gains of normalisations with 1, their offsets with 0, everything else, biases
// included, with N(0, 0.02²) as UER-py does. With deep_init the maps that end a residual branch start smaller by
// √(2·layers_num), so that the sum of all branches does not grow with their number (Radford et al. 2019), and without
// bias; UER-py finds them by name, and so the last map of a head is among them. Each parameter has its own random stream,
// keyed by the seed and its name.
func Initialize(m config.Model, program *graph.Program, parameters []float32, seed int64) {
	var drawing sync.WaitGroup
	for _, p := range program.Parameters {
		values := parameters[p.Offset : p.Offset+p.Shape.Elements()]
		drawing.Go(func() { initialize(m, p, values, seed) })
	}
	drawing.Wait()
}

func initialize(m config.Model, p graph.Parameter, values []float32, seed int64) {
	switch {
	case p.Frozen:
		embedding.Waves(values, p.Shape[len(p.Shape)-1])
	case isNormGain(p.Name):
		for i := range values {
			values[i] = 1
		}
	case strings.HasSuffix(p.Name, "beta"), m.DeepInit && endsBranch(p.Name, "bias"):
		clear(values)
	case m.DeepInit && endsBranch(p.Name, "weight"):
		fill(values, deviation/math.Sqrt(2*float64(m.LayersNumber)), p.Name, seed)
	default:
		fill(values, deviation, p.Name, seed)
	}
}

// endsBranch tells the weight or bias of a linear map after attention, in a feed-forward layer or in a head.
func endsBranch(name, kind string) bool {
	return strings.HasSuffix(name, "linear_2."+kind) || strings.HasSuffix(name, "final_linear."+kind)
}

// fill draws values from N(0, deviation²).
func fill(values []float32, deviation float64, name string, seed int64) {
	key := fnv.New64a()
	key.Write([]byte(name))
	generator := rand.New(rand.NewPCG(uint64(seed), key.Sum64()))
	for i := range values {
		values[i] = float32(generator.NormFloat64() * deviation)
	}
}
