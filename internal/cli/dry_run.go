package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"uer/internal/console"
	"uer/internal/device"
	"uer/internal/graph"
	"uer/internal/trainer"
)

// dryRun prints what training would take: the parameters by module, the memory, and the time estimated from two steps of one
// rank, whatever the number of ranks.
func dryRun(ctx context.Context, options pretrainOptions, data trainingData, trainers []*trainer.Trainer, out io.Writer) error {
	step, err := trainer.Measure(ctx, trainers)
	if err != nil {
		return err
	}
	row := func(section, name, value, note string) {
		line := fmt.Sprintf("%-12s%-12s%14s  %s", section, name, value, note)
		fmt.Fprintln(out, strings.TrimRight(line, " "))
	}
	section := "Parameters"
	for _, m := range parametersOf(trainers[0].Model.Program) {
		row(section, m.name, console.Count(m.parameters), "")
		section = ""
	}
	row("", "total", console.Count(trainers[0].Model.Program.Trained()), "")

	needed := memoryOf(trainers)
	each, part := "", ""
	if ranks := options.Devices.WorldSize; ranks > 1 {
		each = fmt.Sprintf("for each of %d ranks", ranks)
		if o := trainers[0].Optimizer; o.Division != nil {
			part = fmt.Sprintf("of %s in all, divided over the ranks", console.Bytes(4*int64(o.Whole.StateSize)))
		}
	}
	row("Memory", "parameters", console.Bytes(needed.parameters), each)
	row("", "gradients", console.Bytes(needed.gradients), "")
	row("", "optimizer", console.Bytes(needed.optimizer), part)
	row("", "activations", console.Bytes(needed.activations), fmt.Sprintf("for batches without padding; %s in these steps",
		console.Bytes(needed.used)))
	if needed.packed > 0 {
		row("", "packed", console.Bytes(needed.packed), "copies of shared weights, for matrix products")
	}
	if needed.inputs > 0 {
		row("", "batches", console.Bytes(needed.inputs), "on the GPU: the present one and the next one")
	}
	if needed.scratch > 0 {
		row("", "scratch", console.Bytes(needed.scratch), "of operations and of cuBLASLt")
	}
	row("", "total", console.Bytes(needed.peak()), "")

	alone := ""
	if each != "" {
		alone = "of one rank, without the exchange between ranks"
	}
	row("Time", "one pass", counted(int64(stepsPerPass(options, data)), "step"), "")
	row("", "one step", fmt.Sprintf("%.3f s", step.Seconds()), alone)
	steps := options.TotalSteps
	if data.resumed != nil {
		steps -= data.resumed.Step
	}
	row("", "total", console.Duration(time.Duration(steps)*step), "for "+counted(int64(steps), "step"))
	return nil
}

// module is a top-level module and the number of its trained parameters. Shared ones count in the first module that has
// them.
type module struct {
	name       string
	parameters int
}

func parametersOf(program *graph.Program) []module {
	var modules []module
	for _, p := range program.Parameters {
		if p.Frozen {
			continue
		}
		name, _, _ := strings.Cut(p.Name, ".")
		if len(modules) == 0 || modules[len(modules)-1].name != name {
			modules = append(modules, module{name: name})
		}
		modules[len(modules)-1].parameters += p.Shape.Elements()
	}
	return modules
}

// memory is the memory of training, in bytes, of all ranks of this process.
type memory struct {
	parameters, gradients, optimizer  int64
	activations, used, packed, inputs int64
	scratch                           int64
}

func memoryOf(trainers []*trainer.Trainer) memory {
	var m memory
	for _, t := range trainers {
		pass, update := t.Pass.Usage(), t.Update.Usage()
		m.parameters += pass.Parameters
		m.gradients += pass.Gradients
		m.optimizer += pass.State
		m.scratch += pass.Scratch
		programs := []device.Usage{pass, update}
		if t.HeldOut != nil {
			programs = append(programs, t.HeldOut.Program.Usage())
		}
		for _, program := range programs {
			m.activations += program.Activations
			m.used += program.ActivationsUsed
			m.packed += program.PackedWeights
			m.inputs += program.Inputs
		}
	}
	return m
}

// peak returns the memory needed for batches without any padding. A batch with padding uses less.
func (m memory) peak() int64 {
	return m.parameters + m.gradients + m.optimizer + m.activations + m.packed + m.inputs + m.scratch
}

// stepsPerPass returns the number of steps in which all ranks together go through the dataset once.
func stepsPerPass(options pretrainOptions, data trainingData) int {
	batch := options.BatchSize * options.Devices.WorldSize
	return (data.dataset.Len() + batch - 1) / batch
}
