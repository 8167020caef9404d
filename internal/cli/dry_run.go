package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"uer/internal/console"
	"uer/internal/graph"
	"uer/internal/trainer"
)

// dryRun prints what training would take: the parameters by module, the memory, and the time estimated from two steps of one
// rank, whatever the number of ranks.
func dryRun(ctx context.Context, options pretrainOptions, data trainingData, trainers []*trainer.Trainer, m memory,
	out io.Writer) error {
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

	for _, t := range trainers {
		m.used += t.Pass.Usage().ActivationsUsed + t.Update.Usage().ActivationsUsed
	}
	each := ""
	if ranks := options.Devices.WorldSize; ranks > 1 {
		each = fmt.Sprintf("for each of %d ranks", ranks)
		m.each = each
		if o := trainers[0].Optimizer; o.Division != nil {
			m.divided = fmt.Sprintf("of %s in all, divided over the ranks", console.Bytes(4*int64(o.Whole.StateSize)))
		}
	}
	section = "Memory"
	for _, part := range m.parts() {
		row(section, part.name, console.Bytes(part.bytes), part.note)
		section = ""
	}
	row("", "total", console.Bytes(m.peak()), each)

	alone := ""
	if each != "" {
		alone = "of one rank, without the exchange between ranks"
	}
	section = "Time"
	if data.dataset.Parts == nil {
		row(section, "one pass", counted(int64(stepsPerPass(options, data)), "step"), "")
		section = ""
	}
	row(section, "one step", fmt.Sprintf("%.3f s", step.Seconds()), alone)
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

// stepsPerPass returns the number of steps in which all ranks together go through the dataset once.
func stepsPerPass(options pretrainOptions, data trainingData) int {
	batch := options.BatchSize * options.Devices.WorldSize
	return (data.dataset.Len() + batch - 1) / batch
}
