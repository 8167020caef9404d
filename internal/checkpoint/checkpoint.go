// Package checkpoint puts a model's parameters into files and takes them from files, as PyTorch state dicts.
package checkpoint

import (
	"fmt"
	"io"
	"slices"

	"uer/internal/console"
	"uer/internal/durable"
	"uer/internal/graph"
	"uer/internal/statedict"
)

// Match says which tensors of a file went into a model.
type Match struct {
	Loaded  int      // parameters of the model that the file holds
	Missing []string // parameters of the model that the file lacks
	Unused  []string // tensors of the file that the model lacks
}

// Load sets the parameters that the file at path holds. Others keep their values. A file that holds none of them, or one
// with another shape, is an error, and then no parameter has changed.
func Load(path string, program *graph.Program, parameters []float32) (Match, error) {
	tensors, err := statedict.Read(path)
	if err != nil {
		return Match{}, err
	}
	known := map[string]int{} // every name of a parameter, and which parameter it is
	for i, p := range program.Parameters {
		for _, name := range append([]string{p.Name}, p.Aliases...) {
			known[name] = i
		}
	}
	source := make([]*statedict.Tensor, len(program.Parameters))
	var match Match
	for i := range tensors {
		t := &tensors[i]
		parameter, ok := known[translate(t.Name, known)]
		if !ok {
			match.Unused = append(match.Unused, t.Name)
			continue
		}
		if want := program.Parameters[parameter].Shape; !slices.Equal(t.Shape, want) {
			return Match{}, shapeError(path, t, want)
		}
		source[parameter] = t
	}
	for i, p := range program.Parameters {
		if source[i] == nil {
			match.Missing = append(match.Missing, p.Name)
			continue
		}
		match.Loaded++
		copy(parameters[p.Offset:], source[i].Data)
	}
	if match.Loaded == 0 {
		return match, noMatchError(path, tensors, program)
	}
	return match, nil
}

func shapeError(path string, t *statedict.Tensor, want graph.Shape) error {
	err := fmt.Errorf("%s: %s is %v, the model has %v", path, t.Name, graph.Shape(t.Shape), want)
	return console.Hint(err, "the file was made with another vocabulary or another --config_path")
}

func noMatchError(path string, tensors []statedict.Tensor, program *graph.Program) error {
	err := fmt.Errorf("%s: no tensor of this model: it holds %s, the model has %s",
		path, tensors[0].Name, program.Parameters[0].Name)
	return console.Hint(err, "give a state dict of UER-py or uer; files of other programs must be converted first")
}

// Path is the file of a step's checkpoint: prefix-step.
func Path(prefix string, step int) string { return fmt.Sprintf("%s-%d", prefix, step) }

// Save writes the parameters as a PyTorch state dict to prefix-step and returns that path. The file is complete or absent.
func Save(prefix string, step int, program *graph.Program, parameters []float32) (string, error) {
	var tensors []statedict.Tensor
	for _, p := range program.Parameters {
		values := parameters[p.Offset : p.Offset+p.Shape.Elements()]
		for _, name := range append([]string{p.Name}, p.Aliases...) {
			tensors = append(tensors, statedict.Tensor{Name: name, Shape: p.Shape, Data: values})
		}
	}
	path := Path(prefix, step)
	err := durable.WriteFile(path, func(w io.Writer) error { return statedict.Write(w, tensors) })
	return path, err
}
