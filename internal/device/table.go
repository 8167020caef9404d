package device

import (
	"fmt"
	"iter"
	"maps"
	"reflect"

	"uer/internal/graph"
)

// Binding is how a device computes one type of operation: a function C that computes it, which Bind makes with the help of B
// when a program is loaded.
type Binding[B, C any] struct {
	Bind  func(b B, o graph.Op) C
	adds  func(output int) bool                       // whether it can add to an output; nil if to none
	all   bool                                        // whether it writes outputs that nothing reads, too
	saved func(b B, o graph.Op, in []graph.Shape) int // elements of the output whose shape is graph.Saved
	// scratch is how many elements of memory it needs while it runs; nil if none.
	scratch func(b B, o graph.Op, in []graph.Shape) int
}

// Scratch returns how many elements of memory the binding needs for an operation while it runs.
func (b Binding[B, C]) Scratch(with B, o graph.Op, in []graph.Shape) int {
	if b.scratch == nil {
		return 0
	}
	return b.scratch(with, o, in)
}

// Entry is a binding for operations of type O.
type Entry[O graph.Op, B, C any] struct{ Binding[B, C] }

// BindingOf returns an entry of a table. The binding adds to no output and saves nothing.
func BindingOf[O graph.Op, B, C any](bind func(b B, o O) C) Entry[O, B, C] {
	return Entry[O, B, C]{Binding[B, C]{Bind: func(b B, o graph.Op) C { return bind(b, o.(O)) }}}
}

// AddsToAll declares that the binding can add to all outputs.
func (e Entry[O, B, C]) AddsToAll() Entry[O, B, C] { return e.AddsFrom(0) }

// AddsFrom declares that the binding can add to the outputs from first on.
func (e Entry[O, B, C]) AddsFrom(first int) Entry[O, B, C] {
	e.adds = func(output int) bool { return output >= first }
	return e
}

// WritesAll declares that the binding writes all outputs, even those that nothing reads.
func (e Entry[O, B, C]) WritesAll() Entry[O, B, C] {
	e.all = true
	return e
}

// Saves declares how many elements the operation saves, for inputs of the given shapes.
func (e Entry[O, B, C]) Saves(size func(b B, o O, in []graph.Shape) int) Entry[O, B, C] {
	e.saved = func(b B, o graph.Op, in []graph.Shape) int { return size(b, o.(O), in) }
	return e
}

// Needs declares how many elements of scratch memory the operation needs, for inputs of the given shapes.
func (e Entry[O, B, C]) Needs(size func(b B, o O, in []graph.Shape) int) Entry[O, B, C] {
	e.scratch = func(b B, o graph.Op, in []graph.Shape) int { return size(b, o.(O), in) }
	return e
}

func (e Entry[O, B, C]) row() (reflect.Type, Binding[B, C]) { return reflect.TypeFor[O](), e.Binding }

// Row is an [Entry] for any type of operation.
type Row[B, C any] interface {
	row() (reflect.Type, Binding[B, C])
}

// Table holds a device's bindings by the type of the operation.
type Table[B, C any] struct {
	device   string
	bindings map[reflect.Type]Binding[B, C]
}

// NewTable returns a table of the given rows. Errors name the device.
func NewTable[B, C any](device string, rows ...Row[B, C]) *Table[B, C] {
	t := &Table[B, C]{device: device, bindings: map[reflect.Type]Binding[B, C]{}}
	for _, r := range rows {
		t.Add(r)
	}
	return t
}

// Add adds a row, or replaces the one for the same type.
func (t *Table[B, C]) Add(r Row[B, C]) {
	kind, b := r.row()
	t.bindings[kind] = b
}

// Operations returns the types of the operations in the table.
func (t *Table[B, C]) Operations() iter.Seq[reflect.Type] { return maps.Keys(t.bindings) }

// MissingKernelError means that a device lacks an operation.
type MissingKernelError struct{ Device, Operation string }

func (e *MissingKernelError) Error() string {
	return fmt.Sprintf("%s has no kernel for %s", e.Device, e.Operation)
}

// Find returns the binding of an operation.
func (t *Table[B, C]) Find(o graph.Op) (Binding[B, C], error) {
	b, ok := t.bindings[reflect.TypeOf(o)]
	if !ok {
		return b, &MissingKernelError{t.device, o.Name()}
	}
	return b, nil
}

// CanAdd reports whether an operation can add to one of its outputs.
func (t *Table[B, C]) CanAdd(o graph.Op, output int) bool {
	b := t.bindings[reflect.TypeOf(o)]
	return b.adds != nil && b.adds(output)
}

// WritesAll reports whether an operation writes outputs that nothing reads, too.
func (t *Table[B, C]) WritesAll(o graph.Op) bool { return t.bindings[reflect.TypeOf(o)].all }

// SavedSize returns a function for the number of elements that an operation saves for its gradient, at least one.
func (t *Table[B, C]) SavedSize(with B) func(o graph.Op, in []graph.Shape) (int, error) {
	return func(o graph.Op, in []graph.Shape) (int, error) {
		b, err := t.Find(o)
		if err != nil {
			return 0, err
		}
		if b.saved == nil {
			return 0, fmt.Errorf("the kernel of %s for %s does not say what it saves", t.device, o.Name())
		}
		return max(1, b.saved(with, o, in)), nil
	}
}
