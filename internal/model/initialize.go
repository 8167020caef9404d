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

// deviation is the standard deviation of the initial parameters, as in BERT and UER-py.
const deviation = 0.02

// Initialize sets the initial parameters, in their flat buffer, as UER-py does: gains of normalisations to 1, their
// biases to 0, all others, other biases included, to draws from N(0, 0.02²). With deep_init, the linear layers that end a
// residual branch have weights that are smaller by a factor of √(2·layers_num), so that the sum of the branches does not
// grow with their number (Radford et al. 2019), and biases of 0. Like in UER-py, their names also select the last layer
// of a head. Each parameter has a random stream of its own, which depends only on the seed and its name.
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

// endsBranch reports whether a parameter is the weight or bias of the linear layer that ends attention, a feed-forward
// layer or a head.
func endsBranch(name, kind string) bool {
	return strings.HasSuffix(name, "linear_2."+kind) || strings.HasSuffix(name, "final_linear."+kind)
}

// fill sets values to draws from N(0, deviation²).
func fill(values []float32, deviation float64, name string, seed int64) {
	key := fnv.New64a()
	key.Write([]byte(name))
	generator := rand.New(rand.NewPCG(uint64(seed), key.Sum64()))
	for i := range values {
		values[i] = float32(generator.NormFloat64() * deviation)
	}
}
