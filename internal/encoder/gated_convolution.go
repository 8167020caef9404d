package encoder

import (
	"slices"
	"strconv"

	"uer/internal/config"
	"uer/internal/graph"
	"uer/internal/layer"
	"uer/internal/op"
)

// GatedConvolution is a stack of layers_num causal gated convolutions over kernel_size tokens, with a residual connection
// every block_size layers (Dauphin et al. 2017).
func GatedConvolution(s graph.Scope, m config.Model, batch layer.Batch, x *graph.Node) *graph.Node {
	layers := newConvolutions(s, m)
	x = s.Block(func() *graph.Node { return layers[0].apply(s, batch, x) }) // [tokens, hidden]
	for block := range slices.Chunk(layers[1:], m.BlockSize) {
		x = s.Block(func() *graph.Node {
			y := x
			for _, l := range block {
				y = l.apply(s, batch, y) // [tokens, hidden]
			}
			if len(block) < m.BlockSize {
				return y
			}
			return layer.DropoutAdd(s.Builder, batch, 0, y, x)
		})
	}
	return x
}

// convolution is one layer: two filters of three parameters, weight, bias and second bias.
type convolution struct {
	op       op.GatedConvolution
	operands [6]*graph.Node
}

func (c convolution) apply(s graph.Scope, batch layer.Batch, x *graph.Node) *graph.Node {
	operands := append([]*graph.Node{x}, c.operands[:]...)
	return s.Apply(c.op, append(operands, batch.Starts)...)
}

// newConvolutions declares the parameters in the order of UER-py: the first layer convolves over vectors of the embedding
// as an image of one channel, the others over channels.
func newConvolutions(s graph.Scope, m config.Model) []convolution {
	layers := make([]convolution, m.LayersNumber)
	for i := range layers {
		layers[i].op = op.GatedConvolution{Taps: m.KernelSize, TapsLast: i > 0}
	}
	// The operands of the filter begin at 0, those of the gate at 3.
	parts := []struct {
		name string
		at   int
	}{{"conv", 0}, {"gate", 3}}
	secondBias := func(i, at int, scope graph.Scope, name string) {
		layers[i].operands[at+2] = scope.Parameter(name, 1, m.HiddenSize, 1, 1)
	}
	weightAndBias := func(i, at int, scope graph.Scope, shape ...int) {
		layers[i].operands[at] = scope.Parameter("weight", shape...)
		layers[i].operands[at+1] = scope.Parameter("bias", m.HiddenSize)
	}
	for _, part := range parts {
		secondBias(0, part.at, s, part.name+"_b1")
	}
	for _, part := range parts {
		weightAndBias(0, part.at, s.In(part.name+"_1"), m.HiddenSize, 1, m.KernelSize, m.EmbeddingSize)
	}
	for _, part := range parts {
		for i := 1; i < len(layers); i++ {
			scope := s.In(part.name).In(strconv.Itoa(i - 1))
			weightAndBias(i, part.at, scope, m.HiddenSize, m.HiddenSize, m.KernelSize, 1)
		}
	}
	for _, part := range parts {
		for i := 1; i < len(layers); i++ {
			secondBias(i, part.at, s.In(part.name+"_b"), strconv.Itoa(i-1))
		}
	}
	return layers
}
