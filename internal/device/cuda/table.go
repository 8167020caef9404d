package cuda

import (
	driver "uer/internal/cuda"
	"uer/internal/device"
	"uer/internal/graph"
)

// A compute function begins one operation. An output that nobody reads has no address. accumulate tells for each output
// whether to add to it; it is set only for outputs that the binding declares it can add to.
type compute func(r *run, out, in []operand, accumulate []bool)

// A derive function makes what an operation wants to know of its inputs, on the host, before the run begins.
type derive func(in []operand, to []int32)

// binder is what a binding is made with, while a program is loaded. It keeps the first error.
type binder struct {
	device *Device
	in     []graph.Shape // the largest shapes of the operation's inputs
	err    error

	inTypes, outTypes []graph.Type // of its operands
	join              *join        // that the operation is part of; nil for most
	leads             bool         // it computes for all of the join

	derive derive // what the binding derives from inputs, nil for most
	size   int    // elements that it makes at most

	constants int64 // bytes of all constants
}

// kernel finds a kernel by name.
func (b *binder) kernel(name string) *function {
	f, err := b.device.function(name)
	b.keep(err)
	return f
}

// suffixes end the names of kernels by the type in which they find activations.
var suffixes = map[graph.Type]string{graph.Float32: "_float", graph.BFloat16: "_bf16"}

// stored finds the kernel of a name that computes on activations as the device stores them.
func (b *binder) stored(stem string) *function {
	return b.kernel(stem + suffixes[b.device.activations])
}

// constant puts integers on the GPU that stay as they are.
func (b *binder) constant(values []int32) driver.Pointer {
	buffer, err := b.device.gpu.Allocate(4 * int64(len(values)))
	if b.keep(err); err != nil {
		return 0
	}
	b.constants += buffer.Bytes
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
var bindings = device.NewTable[*binder, compute]("the GPU",
	device.BindingOf(bindCopy).AddsToAll(),
	device.BindingOf(bindGuard),
	device.BindingOf(bindScale).AddsToAll(),
	device.BindingOf(bindTotal),
	device.BindingOf(bindEmbedding),
	device.BindingOf(bindEmbeddingGradient).AddsToAll(),
	device.BindingOf(bindNorm),
	device.BindingOf(bindNormGradient).AddsToAll(),
	device.BindingOf(bindAttention),
	device.BindingOf(bindAttentionGradient).AddsToAll(),
	device.BindingOf(bindPositionBias),
	device.BindingOf(bindPositionBiasGradient).AddsToAll(),
	device.BindingOf(bindGather),
	device.BindingOf(bindScatter).AddsToAll(),
	device.BindingOf(bindPool),
	device.BindingOf(bindPoolGradient).AddsToAll(),
	device.BindingOf(bindDropout).AddsToAll(),
	device.BindingOf(bindDropoutAdd),
	device.BindingOf(bindGated),
	device.BindingOf(bindGatedGradient).AddsToAll(),
	device.BindingOf(bindColumns).AddsToAll(),
	device.BindingOf(bindWiden).AddsToAll(),
	device.BindingOf(bindLinear),
	device.BindingOf(bindLinearGradient).AddsToAll(),
	device.BindingOf(bindRecurrent).Saves(recurrentSaved),
	device.BindingOf(bindRecurrentFrom).Saves(recurrentFromSaved),
	device.BindingOf(bindRecurrentGradient).AddsToAll(),
	device.BindingOf(bindGatedConvolution).Saves(gatedConvolutionSaved),
	device.BindingOf(bindGatedConvolutionGradient).AddsToAll(),
	device.BindingOf(bindCrossEntropy).AddsFrom(2), // the gradients; not the loss and the hits
	device.BindingOf(bindSumSquares),
	device.BindingOf(bindClip),
	device.BindingOf(bindAdamW),
	device.BindingOf(bindStableAdamW),
	device.BindingOf(bindAdafactor),
	device.BindingOf(bindMuon),
)

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
