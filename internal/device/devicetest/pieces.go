package devicetest

import (
	"uer/internal/device"
	"uer/internal/graph"
	"uer/internal/op"
)

// ReadInPieces reads pieces of a text by a recurrent layer, each from the state that the one before has left, which is zero
// before the first, and returns the layer's states after each token [tokens, hidden]. A piece is the numbers of its first
// token and of the one after its last, among so many tokens [tokens, in].
func ReadInPieces(d device.Device, cell op.Cell, tokens, in, hidden int, pieces ...[2]int) ([]float32, error) {
	b := graph.NewBuilder()
	b.Activations = d.Activations()
	gates := cell.Gates() * hidden
	table := b.Parameter("x", tokens, in)
	weights := []*graph.Node{
		b.Parameter("ih", gates, in), b.Parameter("hh", gates, hidden), b.Parameter("bi", gates), b.Parameter("bh", gates),
	}
	x := b.Apply(op.Gather{}, table, b.Input("index", graph.Int32, tokens), b.Input("rows", graph.Int32, tokens))
	starts, state := b.Input("starts", graph.Int32, 2), b.State("state", 1, cell.States()*hidden)
	outs := b.ApplyAll(op.RecurrentFrom{Cell: cell}, append(append([]*graph.Node{x}, weights...), starts, state)...)
	program, err := b.CompileForward(nil, graph.Kept{Name: "state", Node: outs[1]}, graph.Kept{Name: "y", Node: outs[0]})
	if err != nil {
		return nil, err
	}
	memory, err := d.Allocate(program.Layout)
	if err != nil {
		return nil, err
	}
	values := make([]float32, program.ParameterSize)
	for i := range values {
		values[i] = (float32(i*7919%257)/257 - 0.5) / 4
	}
	if err := memory.Write(graph.InParameters, 0, values); err != nil {
		return nil, err
	}
	run, err := d.Load(program, memory)
	if err != nil {
		return nil, err
	}
	var list []float32
	for _, piece := range pieces {
		y := make([]float32, (piece[1]-piece[0])*hidden)
		if err := readPiece(program, memory, run, piece, y); err != nil {
			return nil, err
		}
		list = append(list, y...)
	}
	return list, nil
}

// readPiece goes on with some rows of x.
func readPiece(program *graph.Program, memory device.Memory, run device.Executable, piece [2]int, y []float32) error {
	var index []int32
	for i := piece[0]; i < piece[1]; i++ {
		index = append(index, int32(i))
	}
	err := run.Feed(device.Inputs{
		{Name: "index", Data: index}, {Name: "rows", Data: index}, {Name: "starts", Data: []int32{0, int32(len(index))}},
	})
	if err != nil {
		return err
	}
	if err := run.Run(device.Run{}); err != nil {
		return err
	}
	state, _ := program.FindState("y")
	return memory.Read(graph.InState, state.Offset, y)
}
