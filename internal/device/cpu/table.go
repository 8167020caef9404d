package cpu

import "uer/internal/device"

// A compute function computes one operation. An output that nothing reads has no memory, unless the kernel declares that it
// writes all. accumulate says for each output whether to add to it, which is requested only of outputs that the kernel
// declares it can add to.
type compute func(run *device.Run, out, in []operand, accumulate []bool)

// kernels holds a binding for each type of operation.
var kernels = device.NewTable[*Device, compute]("the CPU",
	device.BindingOf(copyKernel).AddsToAll(),
	device.BindingOf(guardKernel),
	device.BindingOf(scaleKernel).AddsToAll(),
	device.BindingOf(totalKernel),
	device.BindingOf(embeddingKernel),
	device.BindingOf(embeddingGradientKernel).AddsToAll(),
	device.BindingOf(linearKernel),
	device.BindingOf(linearGradientKernel).AddsToAll(),
	device.BindingOf(normKernel).WritesAll(),
	device.BindingOf(normGradientKernel).AddsToAll(),
	device.BindingOf(dropoutKernel).AddsToAll(),
	device.BindingOf(dropoutAddKernel),
	device.BindingOf(attentionKernel).WritesAll(),
	device.BindingOf(attentionGradientKernel).AddsToAll(),
	device.BindingOf(positionBiasKernel),
	device.BindingOf(positionBiasGradientKernel).AddsToAll(),
	device.BindingOf(gatedKernel),
	device.BindingOf(gatedGradientKernel),
	device.BindingOf(gatherKernel),
	device.BindingOf(scatterKernel).AddsToAll(),
	device.BindingOf(columnsKernel).AddsToAll(),
	device.BindingOf(widenKernel).AddsToAll(),
	device.BindingOf(poolKernel),
	device.BindingOf(poolGradientKernel).AddsToAll(),
	device.BindingOf(recurrentKernel).WritesAll().Saves(recurrentSaved),
	device.BindingOf(recurrentGradientKernel).AddsToAll(),
	device.BindingOf(gatedConvolutionKernel).WritesAll().Saves(gatedConvolutionSaved),
	device.BindingOf(gatedConvolutionGradientKernel).AddsToAll(),
	device.BindingOf(crossEntropyKernel).AddsFrom(2), // to the gradients, not to the loss and the number of correct predictions
	device.BindingOf(sumSquaresKernel),
	device.BindingOf(clipKernel),
	device.BindingOf(adamWKernel),
	device.BindingOf(adafactorKernel),
)
