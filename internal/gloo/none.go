//go:build !linux || !cgo

package gloo

import "errors"

// Mesh does not exist in this program.
type Mesh struct{}

// Connect fails: this program was built without C.
func Connect(Options) (*Mesh, error) {
	return nil, errors.New("several processes on CPUs need Gloo, and this program was built without C; build it on Linux with gcc")
}

func (*Mesh) Exchange([]float32, []int, []float32, []int) error { panic("unreachable") }
func (*Mesh) Gather([]float32, []float32, []int) error          { panic("unreachable") }
func (*Mesh) Close() error                                      { panic("unreachable") }
