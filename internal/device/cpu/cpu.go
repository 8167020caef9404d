// Package device says where and how a compiled program runs. The CPU has one kernel for each operation of package op.
package cpu

import (
	"fmt"

	"uer/internal/graph"
	"uer/internal/kernel"
)

// Run holds what changes from one run of a program to the next.
type Run struct {
	Seed, Step uint64 // key the random numbers of dropout
	Accumulate bool   // add to the gradients of the run before instead of overwriting them

	After func(instruction int) // called after each instruction of the program; nil for none

	weights sharedWeights // of the executor that runs
}

// A compute function runs one operation. An output that nobody reads has no memory; accumulate tells for each output
// whether to add to it.
type compute func(run *Run, out, in []graph.Buffer, accumulate []bool)

// CPU runs programs on the processor's cores. It runs one program at a time.
type CPU struct {
	Precision kernel.Precision // of the factors of matrix products; everything else is in float32

	kernel  *kernel.CPU
	scratch []float32
}

// NewCPU makes a device of a kernel set. Its products are in float32.
func NewCPU(k *kernel.CPU) *CPU { return &CPU{kernel: k} }

// Evaluate runs one operation by itself, without dropout's step; Gorgonia's machine runs graphs with it in tests.
func (c *CPU) Evaluate(op graph.Op, out, in []graph.Buffer) error {
	f, err := c.compute(op)
	if err != nil {
		return err
	}
	f(&Run{}, out, in, make([]bool, len(out)))
	return nil
}

// compute finds the kernel of an operation.
func (c *CPU) compute(op graph.Op) (compute, error) {
	bind, ok := kernels[op.Name()]
	if !ok {
		return nil, fmt.Errorf("the CPU has no kernel for %s", op.Name())
	}
	return bind(c, op), nil
}

// floats is scratch memory for one operation. It grows to the largest use and is kept.
func (c *CPU) floats(n int) []float32 {
	if n > len(c.scratch) {
		c.scratch = kernel.Allocate(n)
	}
	return c.scratch[:n]
}

// kernels holds a kernel for each operation, by its name.
var kernels = map[string]func(c *CPU, op graph.Op) compute{
	"copy":                       bind(copyKernel),
	"scale":                      bind(scaleKernel),
	"total":                      bind(totalKernel),
	"embedding":                  bind(embeddingKernel),
	"embedding gradient":         bind(embeddingGradientKernel),
	"linear":                     bind(linearKernel),
	"linear gradient":            bind(linearGradientKernel),
	"norm":                       bind(normKernel),
	"norm gradient":              bind(normGradientKernel),
	"dropout":                    bind(dropoutKernel),
	"dropout add":                bind(dropoutAddKernel),
	"attention":                  bind(attentionKernel),
	"attention gradient":         bind(attentionGradientKernel),
	"position bias":              bind(positionBiasKernel),
	"position bias gradient":     bind(positionBiasGradientKernel),
	"gated":                      bind(gatedKernel),
	"gated gradient":             bind(gatedGradientKernel),
	"gather":                     bind(gatherKernel),
	"scatter":                    bind(scatterKernel),
	"columns":                    bind(columnsKernel),
	"widen":                      bind(widenKernel),
	"pool":                       bind(poolKernel),
	"pool gradient":              bind(poolGradientKernel),
	"recurrent":                  bind(recurrentKernel),
	"recurrent gradient":         bind(recurrentGradientKernel),
	"gated convolution":          bind(gatedConvolutionKernel),
	"gated convolution gradient": bind(gatedConvolutionGradientKernel),
	"cross entropy":              bind(crossEntropyKernel),
}

// bind makes a kernel constructor for one type of operation fit the table.
func bind[O graph.Op](make func(c *CPU, o O) compute) func(*CPU, graph.Op) compute {
	return func(c *CPU, o graph.Op) compute { return make(c, o.(O)) }
}
