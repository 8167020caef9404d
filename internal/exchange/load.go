package exchange

import (
	"fmt"
	"slices"

	"uer/internal/console"
	"uer/internal/graph"
	"uer/internal/statedict"
	"uer/internal/vocab"
)

// Options say how a file may differ from the model.
type Options struct {
	Resize     bool              // tables over the vocabulary and over positions may have another number of rows
	Vocabulary *vocab.Vocabulary // of the file: with Resize, rows are matched by token; nil if it is not known
	Model      *vocab.Vocabulary // of the model; needed if Vocabulary is given
}

// Match is the result of a [Load]: which tensors of the file were used.
type Match struct {
	Loaded  int      // parameters of the model that the file holds
	Missing []string // parameters of the model that the file lacks
	Unused  []string // tensors of the file that the model lacks
	Resized []Resized
}

// Load sets the parameters of a model that the file or folder at path holds; others keep their values. It is an error if
// none is there, or if one has another shape and may not be resized; in that case no parameter is changed.
func Load(path string, options Options, program *graph.Program, parameters []float32) (Match, error) {
	source, err := Open(path)
	if err != nil {
		return Match{}, err
	}
	return source.Load(options, program, parameters)
}

// Load is the function Load for a source that is open.
func (s *Source) Load(options Options, program *graph.Program, parameters []float32) (Match, error) {
	match, found, err := s.assign(program)
	if err != nil {
		return Match{}, err
	}
	values := make([][]float32, len(found)) // for each parameter, nil if the file lacks it
	for i, p := range program.Parameters {
		t := found[i]
		if t == nil {
			match.Missing = append(match.Missing, p.Name)
			continue
		}
		match.Loaded++
		values[i] = t.Data
		same := slices.Equal(t.Shape, p.Shape)
		if same && !options.remaps(p) {
			continue
		}
		if !same && (!options.Resize || !resizable(p, t.Shape)) {
			return Match{}, shapeError(s.Path, p, t)
		}
		if err := options.check(s.Path, p, t); err != nil {
			return Match{}, err
		}
		var r Resized
		values[i], r = options.resize(p, t, parameters[p.Offset:][:p.Shape.Elements()])
		match.Resized = append(match.Resized, r)
	}
	if match.Loaded == 0 {
		return match, s.noMatchError(program)
	}
	for i, p := range program.Parameters {
		copy(parameters[p.Offset:], values[i])
	}
	return match, nil
}

// assign finds the tensor of each parameter, nil if there is none. If several tensors are one parameter, they must be
// equal; but the names of a parameter that modules share may differ, and the last of the file counts, as in PyTorch.
func (s *Source) assign(program *graph.Program) (Match, []*statedict.Tensor, error) {
	known := map[string]int{} // index of a parameter by each of its names
	for i, p := range program.Parameters {
		for _, name := range append([]string{p.Name}, p.Aliases...) {
			known[name] = i
		}
	}
	type origin struct {
		tensor *statedict.Tensor
		name   string // of the parameter
	}
	found := make([]*statedict.Tensor, len(program.Parameters))
	origins := make([]origin, len(program.Parameters))
	var match Match
	unused := map[*float32]bool{} // their memory: a tensor may have several names
	for i := range s.Tensors {
		t := &s.Tensors[i]
		name := translate(t.Name, known)
		index, ok := known[name]
		if !ok {
			if len(t.Data) == 0 || !unused[&t.Data[0]] {
				match.Unused = append(match.Unused, t.Name)
			}
			if len(t.Data) > 0 {
				unused[&t.Data[0]] = true
			}
			continue
		}
		if before := origins[index]; before.tensor != nil && !equal(before.tensor, t) {
			switch {
			case isLayerTable(before.tensor.Name) && !isLayerTable(t.Name):
				match.Unused = append(match.Unused, t.Name)
				continue
			case before.name == name && isLayerTable(before.tensor.Name) == isLayerTable(t.Name):
				return match, nil, console.Hint(fmt.Errorf("%s: %s and %s are one parameter under two names, but differ",
					s.Path, before.tensor.Name, t.Name), "a program has changed one of them: remove the other one from the file")
			}
			match.Unused = append(match.Unused, before.tensor.Name)
		}
		found[index], origins[index] = t, origin{t, name}
	}
	return match, found, nil
}

func equal(a, b *statedict.Tensor) bool {
	same := len(a.Data) > 0 && len(a.Data) == len(b.Data) && &a.Data[0] == &b.Data[0]
	return slices.Equal(a.Shape, b.Shape) && (same || slices.Equal(a.Data, b.Data))
}
