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
	device.BindingOf(linearKernel).Needs(linearScratch),
	device.BindingOf(linearGradientKernel).AddsToAll().Needs(linearGradientScratch),
	device.BindingOf(normKernel).WritesAll(),
	device.BindingOf(normGradientKernel).AddsToAll().Needs(normGradientScratch),
	device.BindingOf(dropoutKernel).AddsToAll(),
	device.BindingOf(dropoutAddKernel),
	device.BindingOf(attentionKernel).WritesAll().Needs(attentionScratch),
	device.BindingOf(attentionGradientKernel).AddsToAll().Needs(attentionGradientScratch),
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
	device.BindingOf(recurrentKernel).WritesAll().Saves(recurrentSaved).Needs(recurrentScratch),
	device.BindingOf(recurrentFromKernel).WritesAll().Saves(recurrentFromSaved).Needs(recurrentFromScratch),
	device.BindingOf(recurrentGradientKernel).AddsToAll().Needs(recurrentGradientScratch),
	device.BindingOf(gatedConvolutionKernel).WritesAll().Saves(gatedConvolutionSaved).Needs(gatedConvolutionScratch),
	device.BindingOf(gatedConvolutionGradientKernel).AddsToAll().Needs(gatedConvolutionGradientScratch),
	device.BindingOf(crossEntropyKernel).AddsFrom(2).Needs(crossEntropyScratch), // to the gradients, not to the loss and the number of correct predictions
	device.BindingOf(sumSquaresKernel),
	device.BindingOf(clipKernel),
	device.BindingOf(adamWKernel),
	device.BindingOf(adafactorKernel).Needs(adafactorScratch),
	device.BindingOf(muonKernel).Needs(muonScratch),
	device.BindingOf(stableAdamWKernel),
)
