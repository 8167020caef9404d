package inference

import (
	"cmp"
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

// Beginning is what a text is continued from.
type Beginning struct {
	Tokens []int32 // the first tokens of the text
	First  int     // how many of them are the first segment, after which the second one begins; 0 if there is none
	Source []int32 // what the encoder reads, where a decoder writes the text; nil without one
}

// Continue returns a text from its beginning on, continued until it has total tokens or one that ends it, which is left out.
// If ctx is cancelled, it returns the cause.
func (g *Generator) Continue(ctx context.Context, from Beginning, total int, s Sampler, draw *random.Stream,
	end int32) ([]int32, error) {
	text := slices.Clone(from.Tokens)
	if err := g.forget(); err != nil {
		return text, err
	}
	from.First = cmp.Or(from.First, total)
	known := 0 // tokens that are remembered
	for len(text) < total {
		if ctx.Err() != nil {
			return text, context.Cause(ctx)
		}
		if err := g.score(from, text, known); err != nil {
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

// score computes the scores of the token after a text, some of whose tokens are known from the runs before.
func (g *Generator) score(beginning Beginning, text []int32, known int) (err error) {
	program, output := g.beginning, g.programs.Beginning
	if known > 0 && g.next != nil {
		program, output = g.next, g.programs.Next
	}
	from := 0
	if g.programs.Remembers {
		from = known
	} else if g.programs.Reach > 0 {
		from = max(0, len(text)-g.programs.Reach)
	}
	in := &g.inputs
	in.reset()
	reader := &in.sequences
	if g.programs.Source > 0 {
		reader = &in.output
		in.add(beginning.Source, nil)
		in.sourceStarts = append(in.sourceStarts[:0], 0, int32(g.programs.Source))
	}
	reader.add(text[from:], from, beginning.First)
	in.predicted = append(in.predicted, int32(len(text)-from-1))
	in.remember(len(text))
	g.scores, err = compute(program, g.memory, output, in, 1, g.scores)
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
