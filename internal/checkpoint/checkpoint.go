// Package checkpoint saves a training and loads it: the model's parameters as a PyTorch state dict, and beside it what is
// needed to continue exactly.
//
// A parameter is stored once, under the names that the versions of UER-py give it ([exchange.Naming]): they load a file
// without a word about tensors that they do not know, or miss.
//
// [Save] writes NAME-STEP, the state dict, and then NAME-STEP.state, the optimizer state and the [State] of the training in
// a safetensors file with checksums of all tensors of both. A checkpoint is whole if it has both and the checksums hold;
// [Find] looks for the newest one, and a [File] is what [Open] opens of it.
package checkpoint

import (
	"uer/internal/exchange"
	"uer/internal/graph"
)

// Load sets the parameters that are in the file at path; others keep their values. See [exchange.Load].
func Load(path string, program *graph.Program, parameters []float32) (exchange.Match, error) {
	return exchange.Load(path, exchange.Options{}, program, parameters)
}
