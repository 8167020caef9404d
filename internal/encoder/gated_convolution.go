package encoder

import (
	"slices"
	"strconv"

	"uer/internal/config"
	"uer/internal/graph"
	"uer/internal/layer"
	"uer/internal/op"
)

// gatedConvolution is a stack of layers_num causal gated convolutions over kernel_size tokens, with a residual connection
// every block_size layers (Dauphin et al. 2017).
var gatedConvolution = Encoder{
	Build:   buildGatedConvolution,
	Context: past,
	Blocks: func(m config.Model) int { // the first layer, then block_size layers each
		return 1 + (m.LayersNumber-1+m.BlockSize-1)/m.BlockSize
	},
	Reach: func(m config.Model) int { return 1 + m.LayersNumber*(m.KernelSize-1) },
	Needs: []string{"kernel_size", "block_size"},
}

func buildGatedConvolution(s graph.Scope, m config.Model, batch layer.Batch, x *graph.Node) *graph.Node {
	convolutions := newConvolutions(s, m)
	x = s.Block(func() *graph.Node { return convolutions[0].apply(s, batch, x) }) // [tokens, hidden]
	for block := range slices.Chunk(convolutions[1:], m.BlockSize) {
		x = s.Block(func() *graph.Node {
			y := x
			for _, c := range block {
				y = c.apply(s, batch, y) // [tokens, hidden]
			}
			if len(block) < m.BlockSize {
				return y
			}
			return layer.DropoutAdd(s.Builder, batch, 0, y, x)
		})
	}
	return x
}

// convolution is one layer: a filter and its gate, each with three parameters, weight, bias and second bias.
type convolution struct {
	op       op.GatedConvolution
	operands [6]*graph.Node
}

func (c convolution) apply(s graph.Scope, batch layer.Batch, x *graph.Node) *graph.Node {
	operands := append([]*graph.Node{x}, c.operands[:]...)
	return s.Apply(c.op, append(operands, batch.Starts)...)
}

// newConvolutions declares the parameters in UER-py's order. The first layer treats the embedding as an image of one
// channel, which is emb_size wide; the others read hidden_size channels.
func newConvolutions(s graph.Scope, m config.Model) []convolution {
	convolutions := make([]convolution, m.LayersNumber)
	for i := range convolutions {
		convolutions[i].op = op.GatedConvolution{Taps: m.KernelSize, TapsLast: i > 0}
	}
	// The operands of the filter start at 0, those of the gate at 3.
	filters := []struct {
		name string
		at   int
	}{{"conv", 0}, {"gate", 3}}
	secondBias := func(i, at int, scope graph.Scope, name string) {
		convolutions[i].operands[at+2] = scope.Parameter(name, 1, m.HiddenSize, 1, 1)
	}
	weightAndBias := func(i, at int, scope graph.Scope, shape ...int) {
		convolutions[i].operands[at] = scope.Parameter("weight", shape...)
		convolutions[i].operands[at+1] = scope.Parameter("bias", m.HiddenSize)
	}
	for _, filter := range filters {
		secondBias(0, filter.at, s, filter.name+"_b1")
	}
	for _, filter := range filters {
		weightAndBias(0, filter.at, s.In(filter.name+"_1"), m.HiddenSize, 1, m.KernelSize, m.EmbeddingSize)
	}
	for _, filter := range filters {
		for i := 1; i < len(convolutions); i++ {
			scope := s.In(filter.name).In(strconv.Itoa(i - 1))
			weightAndBias(i, filter.at, scope, m.HiddenSize, m.HiddenSize, m.KernelSize, 1)
		}
	}
	for _, filter := range filters {
		for i := 1; i < len(convolutions); i++ {
			secondBias(i, filter.at, s.In(filter.name+"_b"), strconv.Itoa(i-1))
		}
	}
	return convolutions
}
