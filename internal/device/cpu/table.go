package cpu

import (
	"fmt"
	"reflect"

	"uer/internal/device"
	"uer/internal/graph"
)

// A compute function computes one operation. An output that nothing reads has no memory. accumulate says for each output
// whether to add to it, which is requested only of outputs that the kernel declares it can add to.
type compute func(run *device.Run, out, in []operand, accumulate []bool)

// binding is an entry of the table of kernels: how a type of operation is computed.
type binding struct {
	bind  func(d *Device, o graph.Op) compute
	adds  func(output int) bool                  // whether the kernel can add to an output; nil if to none
	saved func(o graph.Op, in []graph.Shape) int // elements of the output whose shape is graph.Saved
}

// kernels holds a binding for each type of operation.
var kernels = table(
	kernelOf(copyKernel).addsToAll(),
	kernelOf(guardKernel),
	kernelOf(scaleKernel).addsToAll(),
	kernelOf(totalKernel),
	kernelOf(embeddingKernel),
	kernelOf(embeddingGradientKernel).addsToAll(),
	kernelOf(linearKernel),
	kernelOf(linearGradientKernel).addsToAll(),
	kernelOf(normKernel),
	kernelOf(normGradientKernel).addsToAll(),
	kernelOf(dropoutKernel).addsToAll(),
	kernelOf(dropoutAddKernel),
	kernelOf(attentionKernel),
	kernelOf(attentionGradientKernel).addsToAll(),
	kernelOf(positionBiasKernel),
	kernelOf(positionBiasGradientKernel).addsToAll(),
	kernelOf(gatedKernel),
	kernelOf(gatedGradientKernel),
	kernelOf(gatherKernel),
	kernelOf(scatterKernel).addsToAll(),
	kernelOf(columnsKernel).addsToAll(),
	kernelOf(widenKernel).addsToAll(),
	kernelOf(poolKernel),
	kernelOf(poolGradientKernel).addsToAll(),
	kernelOf(recurrentKernel).saves(recurrentSaved),
	kernelOf(recurrentGradientKernel).addsToAll(),
	kernelOf(gatedConvolutionKernel).saves(gatedConvolutionSaved),
	kernelOf(gatedConvolutionGradientKernel).addsToAll(),
	kernelOf(crossEntropyKernel).addsFrom(2), // to the gradients, not to the loss and the number of correct predictions
	kernelOf(sumSquaresKernel),
	kernelOf(clipKernel),
	kernelOf(adamWKernel),
	kernelOf(adafactorKernel),
)

// entry is a binding for operations of type O.
type entry[O graph.Op] struct{ binding }

func kernelOf[O graph.Op](bind func(d *Device, o O) compute) entry[O] {
	return entry[O]{binding{bind: func(d *Device, o graph.Op) compute { return bind(d, o.(O)) }}}
}

// addsToAll declares that the kernel can add to all outputs.
func (e entry[O]) addsToAll() entry[O] { return e.addsFrom(0) }

// addsFrom declares that the kernel can add to the outputs from first on.
func (e entry[O]) addsFrom(first int) entry[O] {
	e.adds = func(output int) bool { return output >= first }
	return e
}

// saves declares how many elements the operation saves, for inputs of the given shapes.
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

// find returns the binding of an operation.
func (d *Device) find(o graph.Op) (binding, error) {
	b, ok := kernels[reflect.TypeOf(o)]
	if !ok {
		return b, fmt.Errorf("the CPU has no kernel for %s", o.Name())
	}
	return b, nil
}

func (d *Device) canAdd(o graph.Op, output int) bool {
	b := kernels[reflect.TypeOf(o)]
	return b.adds != nil && b.adds(output)
}

// savedSize returns the number of elements that an operation saves for its gradient, at least one.
func (d *Device) savedSize(o graph.Op, in []graph.Shape) (int, error) {
	b, err := d.find(o)
	if err != nil {
		return 0, err
	}
	if b.saved == nil {
		return 0, fmt.Errorf("the CPU's kernel for %s does not say what it saves", o.Name())
	}
	return max(1, b.saved(o, in)), nil
}
