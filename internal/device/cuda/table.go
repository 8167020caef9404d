package cuda

import (
	"fmt"
	"reflect"

	driver "uer/internal/cuda"
	"uer/internal/graph"
)

// A compute function begins one operation. An output that nobody reads has no address. accumulate tells for each output
// whether to add to it; it is set only for outputs that the binding declares it can add to.
type compute func(r *run, out, in []operand, accumulate []bool)

// A derive function makes what an operation wants to know of its inputs, on the host, before the run begins.
type derive func(in []operand, to []int32)

// binding is a row of the table: how an operation is computed.
type binding struct {
	bind  func(b *binder, o graph.Op) compute
	adds  func(output int) bool                  // whether it can add to an output; nil for none
	saved func(o graph.Op, in []graph.Shape) int // elements of the output whose shape is graph.Saved
}

// binder is what a binding is made with, while a program is loaded. It keeps the first error.
type binder struct {
	device *Device
	in     []graph.Shape // the largest shapes of the operation's inputs
	err    error

	derive derive // what the binding derives from inputs, nil for most
	size   int    // elements that it makes at most
}

// kernel finds a kernel by name.
func (b *binder) kernel(name string) *function {
	f, err := b.device.function(name)
	b.keep(err)
	return f
}

// constant puts integers on the GPU that stay as they are.
func (b *binder) constant(values []int32) driver.Pointer {
	buffer, err := b.device.gpu.Allocate(4 * int64(len(values)))
	if b.keep(err); err != nil {
		return 0
	}
	b.keep(driver.Upload(b.device.gpu.Compute, buffer.At, values))
	return buffer.At
}

// derives declares what the host makes of the inputs before each run: at most so many elements.
func (b *binder) derives(size int, f derive) { b.size, b.derive = size, f }

func (b *binder) keep(err error) {
	if b.err == nil {
		b.err = err
	}
}

// bindings holds a binding for each type of operation.
var bindings = table(
	bindingOf(bindCopy).addsToAll(),
	bindingOf(bindGuard),
	bindingOf(bindScale).addsToAll(),
	bindingOf(bindTotal),
	bindingOf(bindEmbedding),
	bindingOf(bindEmbeddingGradient).addsToAll(),
	bindingOf(bindNorm),
	bindingOf(bindNormGradient).addsToAll(),
	bindingOf(bindAttention),
	bindingOf(bindAttentionGradient).addsToAll(),
	bindingOf(bindPositionBias),
	bindingOf(bindPositionBiasGradient).addsToAll(),
	bindingOf(bindGather),
	bindingOf(bindScatter).addsToAll(),
	bindingOf(bindPool),
	bindingOf(bindPoolGradient).addsToAll(),
	bindingOf(bindDropout).addsToAll(),
	bindingOf(bindDropoutAdd),
	bindingOf(bindGated),
	bindingOf(bindGatedGradient).addsToAll(),
	bindingOf(bindColumns).addsToAll(),
	bindingOf(bindWiden).addsToAll(),
	bindingOf(bindLinear),
	bindingOf(bindLinearGradient).addsToAll(),
	bindingOf(bindRecurrent).saves(recurrentSaved),
	bindingOf(bindRecurrentGradient).addsToAll(),
	bindingOf(bindGatedConvolution).saves(gatedConvolutionSaved),
	bindingOf(bindGatedConvolutionGradient).addsToAll(),
	bindingOf(bindCrossEntropy).addsFrom(2), // the gradients; not the loss and the hits
	bindingOf(bindSumSquares),
	bindingOf(bindClip),
	bindingOf(bindAdamW),
	bindingOf(bindAdafactor),
)

// entry is a binding of operations of type O.
type entry[O graph.Op] struct{ binding }

func bindingOf[O graph.Op](bind func(b *binder, o O) compute) entry[O] {
	return entry[O]{binding{bind: func(b *binder, o graph.Op) compute { return bind(b, o.(O)) }}}
}

func (e entry[O]) addsToAll() entry[O] { return e.addsFrom(0) }

func (e entry[O]) addsFrom(first int) entry[O] {
	e.adds = func(output int) bool { return output >= first }
	return e
}

// saves declares the size of what the operation saves, for inputs of the given shapes.
func (e entry[O]) saves(size func(o O, in []graph.Shape) int) entry[O] {
	e.saved = func(o graph.Op, in []graph.Shape) int { return size(o.(O), in) }
	return e
}

func (e entry[O]) row() (reflect.Type, binding) { return reflect.TypeFor[O](), e.binding }

func table(entries ...interface {
	row() (reflect.Type, binding)
}) map[reflect.Type]binding {
	made := map[reflect.Type]binding{}
	for _, e := range entries {
		t, b := e.row()
		made[t] = b
	}
	return made
}

// find gives the binding of an operation.
func find(o graph.Op) (binding, error) {
	b, ok := bindings[reflect.TypeOf(o)]
	if !ok {
		return b, fmt.Errorf("GPUs have no kernel for %s", o.Name())
	}
	return b, nil
}

func canAdd(o graph.Op, output int) bool {
	b := bindings[reflect.TypeOf(o)]
	return b.adds != nil && b.adds(output)
}

// savedSize is the number of elements that an operation saves for its gradient, at least one.
func savedSize(o graph.Op, in []graph.Shape) (int, error) {
	b, err := find(o)
	if err != nil {
		return 0, err
	}
	if b.saved == nil {
		return 0, fmt.Errorf("the GPU's kernel for %s does not say what it saves", o.Name())
	}
	return max(1, b.saved(o, in)), nil
}

// Arguments of kernels, by the types of their parameters.

func at(o operand) driver.Argument { return driver.Address(o.At) }

func pointer(p driver.Pointer) driver.Argument { return driver.Address(p) }

func count(n int) driver.Argument { return driver.Int32(n) }

func elements(n int) driver.Argument { return driver.Uint64(uint64(n)) }

func flag(b bool) driver.Argument {
	if b {
		return driver.Int32(1)
	}
	return driver.Int32(0)
}

// over is a grid of blocks that take so many of n elements each.
func over(n, of int) driver.Dim { return driver.Dim{(n + of - 1) / of, 1, 1} }

// cells is a grid of threads that take four neighbouring elements of a row each.
func cells(rows, width int) driver.Dim { return over(rows*((width+3)/4), 256) }
