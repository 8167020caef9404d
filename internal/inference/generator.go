package inference

import (
	"context"
	"slices"

	"uer/internal/device"
	"uer/internal/graph"
	"uer/internal/model"
	"uer/internal/random"
)

// Generator continues texts, token by token.
type Generator struct {
	programs        *model.Generation
	beginning, next device.Executable // next is nil if the model can remember nothing
	memory          device.Memory
	inputs          batch
	scores          []float32
	zeros           []float32
}

// NewGenerator loads the programs on a device, with a memory of their own for the parameters.
func NewGenerator(d device.Device, programs *model.Generation, parameters []float32) (*Generator, error) {
	memory, err := allocate(d, programs.Beginning.Program.Layout, parameters)
	if err != nil {
		return nil, err
	}
	g := &Generator{programs: programs, memory: memory}
	if g.beginning, err = d.Load(programs.Beginning.Program, memory); err != nil || programs.Next == nil {
		return g, err
	}
	g.next, err = d.Load(programs.Next.Program, memory)
	return g, err
}

// Continue appends tokens to a text, until it has total tokens or one that ends it, which is not appended. If ctx is
// cancelled, it returns the cause.
func (g *Generator) Continue(ctx context.Context, text []int32, total int, s Sampler, draw *random.Stream,
	end int32) ([]int32, error) {
	if err := g.forget(); err != nil {
		return text, err
	}
	known := 0 // tokens that are remembered
	for len(text) < total {
		if ctx.Err() != nil {
			return text, context.Cause(ctx)
		}
		if err := g.score(text, known); err != nil {
			return text, err
		}
		known = len(text)
		token := s.choose(g.scores, draw)
		if token == end {
			break
		}
		text = append(text, token)
	}
	return text, nil
}

// score computes the scores of the token after a text. With a memory, only the tokens after the known ones are computed.
func (g *Generator) score(text []int32, known int) (err error) {
	program, output, from := g.beginning, g.programs.Beginning, 0
	switch {
	case g.next != nil && known > 0:
		program, output, from = g.next, g.programs.Next, known
	case g.next == nil && g.programs.Reach > 0:
		from = max(0, len(text)-g.programs.Reach)
	}
	g.inputs.reset()
	g.inputs.add(text[from:], from, []int32{int32(len(text) - from - 1)})
	g.inputs.remember(len(text))
	g.scores, err = compute(program, g.memory, output, &g.inputs, 1, g.scores)
	return err
}

// forget sets what is remembered to zero.
func (g *Generator) forget() error {
	if g.next == nil {
		return nil
	}
	layout := &g.programs.Beginning.Program.Layout
	g.zeros = slices.Grow(g.zeros[:0], layout.StateSize)[:layout.StateSize]
	return g.memory.Write(graph.InState, 0, g.zeros)
}
