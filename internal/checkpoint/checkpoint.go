// Package checkpoint saves a training and loads it: the model's parameters as a PyTorch state dict, and beside it what is
// needed to continue exactly.
//
// A parameter is stored under its UER-py name, a tied one under each of its names. Files of newer versions of UER-py,
// which name parameters differently, can be loaded too. A file need not match the model exactly; [Match] reports the
// differences.
//
// [Save] writes NAME-STEP, the state dict, and then NAME-STEP.state, the optimizer state and the [State] of the training in
// a safetensors file with checksums of all tensors of both. A checkpoint is whole if it has both and the checksums hold;
// [Find] looks for the newest one, and a [File] is what [Open] opens of it.
package checkpoint

import (
	"fmt"
	"slices"

	"uer/internal/console"
	"uer/internal/graph"
	"uer/internal/statedict"
)

// Match is the result of a [Load]: which tensors of the file were used.
type Match struct {
	Loaded  int      // parameters of the model that the file holds
	Missing []string // parameters of the model that the file lacks
	Unused  []string // tensors of the file that the model lacks
}

// Load sets the parameters that are in the file at path; others keep their values. It is an error if none is in the
// file, or if one has a different shape; in that case no parameter is changed.
func Load(path string, program *graph.Program, parameters []float32) (Match, error) {
	tensors, err := statedict.Read(path)
	if err != nil {
		return Match{}, err
	}
	known := map[string]int{} // index of a parameter by each of its names
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
