package graph

import (
	"slices"
	"testing"
)

// TestRecompute compares programs that keep all values with programs that compute some again.
func TestRecompute(t *testing.T) {
	squares := func(b *Builder, x *Node, times int) *Node {
		for range times {
			x = b.Apply(square{}, x)
		}
		return x
	}
	tests := map[string]struct {
		build   func(b *Builder, x *Node) (loss, output *Node)
		repeats []int // how many instructions are repeated before each run of others
	}{
		"the last block keeps its values, as does what is in no block": {
			build: func(b *Builder, x *Node) (loss, output *Node) {
				x = b.Apply(square{}, b.Apply(square{}, x))
				for range 3 {
					x = b.Block(func() *Node { return squares(b, x, 3) })
				}
				return b.Apply(total{1}, b.Apply(square{}, x)), nil
			},
			repeats: []int{2, 2}, // the third product leaves the block
		},
		"what others read is kept": {
			build: func(b *Builder, x *Node) (loss, output *Node) {
				var inside *Node
				y := b.Block(func() *Node {
					inside = squares(b, x, 2)
					return squares(b, inside, 2)
				})
				z := b.Block(func() *Node { return squares(b, y, 2) })
				return b.Apply(total{2}, z, inside), nil
			},
			repeats: []int{2}, // the first and the third of four
		},
		"what the program returns is kept": {
			build: func(b *Builder, x *Node) (loss, output *Node) {
				y := b.Block(func() *Node {
					output = b.Apply(total{1}, b.Apply(square{}, x))
					return squares(b, x, 2)
				})
				return b.Apply(total{1}, b.Block(func() *Node { return squares(b, y, 2) })), output
			},
			repeats: []int{1},
		},
		"an operation writes all its outputs again": {
			build: func(b *Builder, x *Node) (loss, output *Node) {
				for range 2 {
					x = b.Block(func() *Node { return b.Apply(double{state: true}, x) })
				}
				return b.Apply(total{1}, x), nil
			},
			repeats: []int{1},
		},
		"what leaves a block is restored": {
			build: func(b *Builder, x *Node) (loss, output *Node) {
				for range 3 {
					x = b.Block(func() *Node { return b.Apply(quadruple{}, squares(b, x, 2)) })
				}
				return b.Apply(total{1}, x), nil
			},
			// The output of the second block; that of the first one and its reader in the second one; a product of the
			// first.
			repeats: []int{1, 2, 1},
		},
		"without a gradient that reads them values are not computed again": {
			build: func(b *Builder, x *Node) (loss, output *Node) {
				for range 2 {
					x = b.Block(func() *Node { return b.Apply(double{}, b.Apply(double{}, x)) })
				}
				return b.Apply(total{1}, x), nil
			},
		},
		"one block": {
			build: func(b *Builder, x *Node) (loss, output *Node) {
				return b.Apply(total{1}, b.Block(func() *Node { return squares(b, x, 3) })), nil
			},
		},
		"no block": {
			build: func(b *Builder, x *Node) (loss, output *Node) { return b.Apply(total{1}, squares(b, x, 3)), nil },
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var outputs, gradients [2][]float32
			var repeats []int
			for i, recompute := range []bool{false, true} {
				b := NewBuilder()
				b.Recompute = recompute
				loss, output := test.build(b, b.Parameter("x", 3))
				further := slices.DeleteFunc([]*Node{output}, func(n *Node) bool { return n == nil })
				p, err := b.Compile(loss, further...)
				if err != nil {
					t.Fatal(err)
				}
				outputs[i], gradients[i] = execute(p, append([]float32{0.5, -0.3, 0.2}, make([]float32, p.ParameterSize)...))
				repeats = repeatsOf(p)
			}
			if !slices.Equal(outputs[0], outputs[1]) || !slices.Equal(gradients[0], gradients[1]) {
				t.Errorf("outputs %v and gradients %v, want %v and %v", outputs[1], gradients[1], outputs[0], gradients[0])
			}
			if !slices.Equal(repeats, test.repeats) {
				t.Errorf("repeats %v instructions, want %v", repeats, test.repeats)
			}
		})
	}
}

// repeatsOf counts the instructions that are repeated one after another, for each place where some are.
func repeatsOf(p *Program) []int {
	var runs []int
	for i, instruction := range p.Instructions {
		switch {
		case !instruction.Recomputed:
		case i > 0 && p.Instructions[i-1].Recomputed:
			runs[len(runs)-1]++
		default:
			runs = append(runs, 1)
		}
	}
	return runs
}
