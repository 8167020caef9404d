// Package checkpoint saves a model's parameters as PyTorch state dicts and loads them.
//
// A parameter is stored once, under the names that the versions of UER-py give it ([exchange.Naming]): they load a file
// without a word about tensors that they do not know, or miss. A saved file is complete or absent.
package checkpoint

import (
	"fmt"
	"io"

	"uer/internal/durable"
	"uer/internal/exchange"
	"uer/internal/graph"
	"uer/internal/statedict"
)

// Load sets the parameters that are in the file at path; others keep their values. See [exchange.Load].
func Load(path string, program *graph.Program, parameters []float32) (exchange.Match, error) {
	return exchange.Load(path, exchange.Options{}, program, parameters)
}

// Path returns the path of a step's checkpoint: prefix-step.
func Path(prefix string, step int) string { return fmt.Sprintf("%s-%d", prefix, step) }

// Save writes the parameters as a PyTorch state dict to prefix-step and returns that path. The file is complete or
// absent.
func Save(prefix string, step int, naming exchange.Naming, program *graph.Program, parameters []float32) (string, error) {
	var tensors []statedict.Tensor
	for _, p := range program.Parameters {
		values := parameters[p.Offset : p.Offset+p.Shape.Elements()]
		for _, name := range naming.Of(p, &program.Layout) {
			tensors = append(tensors, statedict.Tensor{Name: name, Shape: p.Shape, Data: values})
		}
	}
	path := Path(prefix, step)
	err := durable.WriteFile(path, func(w io.Writer) error { return statedict.Write(w, tensors) })
	return path, err
}
