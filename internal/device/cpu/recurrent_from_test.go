package cpu

import (
	"slices"
	"testing"

	"uer/internal/device"
	"uer/internal/graph"
	"uer/internal/kernel"
	"uer/internal/op"
)

// TestRecurrentFrom: a sequence that is read in pieces, each from the state that the one before has left, gets the bits that
// it has when it is read at once.
func TestRecurrentFrom(t *testing.T) {
	const tokens, in, hidden = 9, 5, 40 // more than a tile of hidden units
	for _, set := range kernel.InstructionSets() {
		for cell, name := range map[op.Cell]string{op.TanhCell: "tanh", op.LSTMCell: "lstm", op.GRUCell: "gru"} {
			t.Run(set+"/"+name, func(t *testing.T) {
				d := newDevice(t, set, 2)
				whole := continuing(t, d, cell, tokens, in, hidden)
				want := whole.read(t, 0, tokens)
				pieces := continuing(t, d, cell, tokens, in, hidden)
				var got []float32
				for _, piece := range [][2]int{{0, 4}, {4, 5}, {5, 6}, {6, 9}} {
					got = append(got, pieces.read(t, piece[0], piece[1])...)
				}
				if !slices.Equal(got, want) {
					t.Errorf("in pieces %v, at once %v", got, want)
				}
				again := continuing(t, d, cell, tokens, in, hidden)
				if first := again.read(t, 0, 4); !slices.Equal(first, want[:4*hidden]) {
					t.Error("another memory does not begin with zeros")
				}
				if second := again.read(t, 0, 4); slices.Equal(second, want[:4*hidden]) {
					t.Error("the state of the first piece changes nothing")
				}
			})
		}
	}
}

// layer is a recurrent layer with a state of its own.
type layer struct {
	program *graph.Program
	memory  device.Memory
	run     device.Executable
	hidden  int
}

func continuing(t *testing.T, d *Device, cell op.Cell, tokens, in, hidden int) layer {
	t.Helper()
	b := graph.NewBuilder()
	gates := cell.Gates() * hidden
	table := b.Parameter("x", tokens, in)
	weights := []*graph.Node{b.Parameter("ih", gates, in), b.Parameter("hh", gates, hidden), b.Parameter("bi", gates), b.Parameter("bh", gates)}
	x := b.Apply(op.Gather{}, table, b.Input("index", graph.Int32, tokens), b.Input("rows", graph.Int32, tokens))
	operands := append(append([]*graph.Node{x}, weights...), b.Input("starts", graph.Int32, 2), b.State("state", 1, cell.States()*hidden))
	outs := b.ApplyAll(op.RecurrentFrom{Cell: cell}, operands...)
	program, err := b.CompileForward(nil, graph.Kept{Name: "state", Node: outs[1]}, graph.Kept{Name: "y", Node: outs[0]})
	if err != nil {
		t.Fatal(err)
	}
	l := layer{program: program, hidden: hidden}
	if l.memory, err = d.Allocate(program.Layout); err != nil {
		t.Fatal(err)
	}
	values := make([]float32, program.ParameterSize)
	for i := range values {
		values[i] = float32(i*7919%257)/257 - 0.5
	}
	if err := l.memory.Write(graph.InParameters, 0, values); err != nil {
		t.Fatal(err)
	}
	if l.run, err = d.Load(program, l.memory); err != nil {
		t.Fatal(err)
	}
	return l
}

// read goes on with some rows of x and returns the states after each, [rows, hidden].
func (l layer) read(t *testing.T, from, to int) []float32 {
	t.Helper()
	var index []int32
	for i := from; i < to; i++ {
		index = append(index, int32(i))
	}
	err := l.run.Feed(device.Inputs{
		{Name: "index", Data: index}, {Name: "rows", Data: index}, {Name: "starts", Data: []int32{0, int32(len(index))}},
	})
	if err == nil {
		err = l.run.Run(device.Run{})
	}
	if err != nil {
		t.Fatal(err)
	}
	y := make([]float32, len(index)*l.hidden)
	state, _ := l.program.FindState("y")
	if err := l.memory.Read(graph.InState, state.Offset, y); err != nil {
		t.Fatal(err)
	}
	return y
}
