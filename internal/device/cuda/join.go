package cuda

import (
	"slices"

	"uer/internal/graph"
	"uer/internal/op"
)

// join is several linear maps of one input that one product computes, such as those to the queries, keys and values of an
// attention, or the gradients of these maps. What the maps write, or what their gradients read, are the columns of one
// matrix [tokens, maps·out].
type join struct {
	instructions []int // of the maps, in the order of their columns; they follow one another in the program
	columns      []int // values [tokens, out]
	weights      []int // values [out, in]
	biases       []int // values [out]; nil without biases

	packedWeights *packed // [maps·out, in]
	packedBiases  *packed // [maps·out]; nil without biases
}

// first is the instruction that computes for all.
func (j *join) first() int { return slices.Min(j.instructions) }

// number is the place of that instruction's columns among those of all maps.
func (j *join) number() int { return slices.Index(j.instructions, j.first()) }

// uses lists the instructions that write and read each value.
type uses struct {
	program          *graph.Program
	writers, readers [][]int
}

func usesOf(p *graph.Program) uses {
	u := uses{p, make([][]int, len(p.Values)), make([][]int, len(p.Values))}
	for i, instruction := range p.Instructions {
		for _, v := range instruction.In {
			u.readers[v] = append(u.readers[v], i)
		}
		for _, v := range instruction.Out {
			if v != graph.None {
				u.writers[v] = append(u.writers[v], i)
			}
		}
	}
	return u
}

// findJoins finds the linear maps before attentions that can be joined, and their gradients.
func findJoins(p *graph.Program) (found []*join) {
	u := usesOf(p)
	for i, instruction := range p.Instructions {
		o, ok := instruction.Op.(op.Attention)
		if !ok {
			continue
		}
		a := op.AttentionInputsOf(o, instruction.In)
		joins := u.joinsOf(i, []int{a.Query, a.Key, a.Value})
		if joins == nil {
			joins = u.joinsOf(i, []int{a.Key, a.Value})
		}
		found = append(found, joins...)
	}
	return found
}

// joinsOf returns the join of the maps to the last operands of an attention, and the one of their gradients if there are
// any; nil if these cannot be joined.
func (u uses) joinsOf(attention int, operands []int) []*join {
	forward := u.maps(operands)
	if forward == nil {
		return nil
	}
	joins := []*join{forward}
	for _, reader := range u.readers[operands[0]] {
		instruction := u.program.Instructions[reader]
		o, isGradient := instruction.Op.(op.AttentionGradient)
		switch {
		case reader == attention:
		case isGradient:
			a := op.AttentionInputsOf(op.Attention(o), instruction.In[op.AttentionSaved:])
			read := []int{a.Query, a.Key, a.Value}[3-len(operands):]
			backward := u.gradients(instruction.Out[3-len(operands):3], forward)
			if !slices.Equal(read, operands) || backward == nil {
				return nil
			}
			joins = append(joins, backward)
		default:
			return nil
		}
	}
	for _, v := range operands {
		if !slices.Equal(u.readers[v], u.readers[operands[0]]) {
			return nil
		}
	}
	return joins
}

// maps returns the join of the maps that write values, nil if that is not possible.
func (u uses) maps(values []int) *join {
	j, x := &join{columns: values}, graph.None
	for i, v := range values {
		if len(u.writers[v]) != 1 {
			return nil
		}
		number := u.writers[v][0]
		instruction := u.program.Instructions[number]
		o, ok := instruction.Op.(op.Linear)
		if !ok || o.Activation != op.Identity || o.Residual {
			return nil
		}
		l := op.LinearInputsOf(o, instruction.In)
		if i == 0 {
			x = l.X
		}
		if l.X != x || number != u.writers[values[0]][0]+i {
			return nil
		}
		j.instructions, j.weights = append(j.instructions, number), append(j.weights, l.Weight)
		if o.Bias {
			j.biases = append(j.biases, l.Bias)
		}
	}
	if !u.evenlySpaced(j.weights) || j.biases != nil && (len(j.biases) != len(values) || !u.evenlySpaced(j.biases)) {
		return nil
	}
	return j
}

// gradients returns the join of the gradients of a join's maps, which read the given values; nil if that is not possible.
func (u uses) gradients(values []int, of *join) *join {
	j := &join{columns: values, weights: of.weights, biases: of.biases}
	var x, dx int
	for i, v := range values {
		if v == graph.None || len(u.writers[v]) != 1 || len(u.readers[v]) != 1 {
			return nil
		}
		number := u.readers[v][0]
		instruction := u.program.Instructions[number]
		o, ok := instruction.Op.(op.LinearGradient)
		if !ok || o.Activation != op.Identity {
			return nil
		}
		l := op.LinearGradientInputsOf(o, instruction.In)
		if i == 0 {
			x, dx = l.X, instruction.Out[0]
		}
		if l.X != x || instruction.Out[0] != dx || l.Weight != of.weights[i] {
			return nil
		}
		adds := u.program.Instructions[u.readers[values[0]][0]].Accumulate[1:]
		if !slices.Equal(instruction.Accumulate[1:], adds) || !u.isGradient(instruction.Out[1], of.weights[i]) ||
			o.Bias && !u.isGradient(instruction.Out[2], of.biases[i]) {
			return nil
		}
		j.instructions = append(j.instructions, number)
	}
	if slices.Max(j.instructions)-slices.Min(j.instructions) != len(values)-1 {
		return nil
	}
	return j
}

// isGradient tells whether a value is the gradient of a parameter, in the place of both.
func (u uses) isGradient(value, parameter int) bool {
	if value == graph.None {
		return false
	}
	v := u.program.Values[value]
	return v.Place == graph.InGradients && v.Offset == u.program.Values[parameter].Offset
}

// prepare lets products find the parameters of all maps in one place.
func (j *join) prepare(m *memory, p *graph.Program) (err error) {
	j.packedWeights, err = m.pack(p.Values[j.weights[0]], p.Values[j.weights[1]], len(j.weights))
	if err == nil && j.biases != nil {
		j.packedBiases, err = m.pack(p.Values[j.biases[0]], p.Values[j.biases[1]], len(j.biases))
	}
	return err
}

// evenlySpaced tells whether values are parameters of one shape at even distances.
func (u uses) evenlySpaced(values []int) bool {
	first := u.program.Values[values[0]]
	spacing := u.program.Values[values[1]].Offset - first.Offset
	for i, number := range values {
		v := u.program.Values[number]
		if v.Place != graph.InParameters || !slices.Equal(v.Shape, first.Shape) || v.Offset != first.Offset+i*spacing {
			return false
		}
	}
	return spacing >= first.Shape.Elements()
}

// place is where a value is among the columns of a matrix.
type place struct {
	matrix int // the value in the first columns
	number int // of the value among those in the matrix
	values int
}

// join finds the maps that one product computes.
func (e *executable) join() error {
	e.joins, e.columns = map[int]*join{}, map[int]place{}
	if e.device.activations != graph.BFloat16 {
		return nil
	}
	for _, j := range findJoins(e.program) {
		if err := j.prepare(e.memory, e.program); err != nil {
			return err
		}
		for _, i := range j.instructions {
			e.joins[i] = j
		}
		for i, v := range j.columns {
			e.columns[v] = place{j.columns[0], i, len(j.columns)}
		}
	}
	return nil
}
