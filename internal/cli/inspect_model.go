package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"uer/internal/checkpoint"
	"uer/internal/console"
	"uer/internal/exchange"
	"uer/internal/graph"
)

// modelInspection is what a file of a model holds.
type modelInspection struct {
	Path       string            `json:"path"`
	Kind       string            `json:"kind"` // model, or checkpoint if it has a state file
	Format     string            `json:"format"`
	Program    string            `json:"program"`
	Years      []string          `json:"years,omitempty"` // of UER-py whose programs find all tensors
	Entry      string            `json:"entry,omitempty"`
	Parameters int               `json:"parameters"`
	Tensors    []tensorFacts     `json:"tensors"`
	LayerNorm  string            `json:"layernorm,omitempty"`
	Step       int               `json:"step,omitempty"`
	Updates    int               `json:"updates,omitempty"`
	Dataset    string            `json:"dataset,omitempty"`
	Loss       *checkpoint.Loss  `json:"loss,omitempty"`
	Settings   map[string]string `json:"settings,omitempty"`
	Whole      bool              `json:"whole"`
	Problem    string            `json:"problem,omitempty"`
}

type tensorFacts struct {
	Names []string `json:"names"`
	Shape []int    `json:"shape"`
	Type  string   `json:"type,omitempty"`
}

// inspectModel reads a model, which checks it, and its state file, if there is one.
func inspectModel(path string) (inspection, error) {
	source, err := exchange.Open(path)
	if err != nil {
		return nil, err
	}
	m, err := source.Model()
	if err != nil {
		return nil, err
	}
	i := &modelInspection{Path: path, Kind: "model", Format: source.Format, Entry: source.Entry, Whole: true, Program: source.Title()}
	types := map[string]string{}
	if source.Kind == "" {
		i.Program = "a program that uer does not read the models of"
		if source.HasEmbedding() {
			i.Years, i.Program = source.Years(m), "UER-py, TencentPretrain or uer"
		}
		for k, t := range source.Tensors {
			types[t.Name] = source.Types[k]
		}
	}
	names := map[*float32][]string{}
	for _, t := range source.Tensors {
		if len(t.Data) > 0 {
			names[&t.Data[0]] = append(names[&t.Data[0]], t.Name)
		}
	}
	for k, p := range m.Layout.Parameters {
		i.Parameters += len(m.Values[k])
		facts := tensorFacts{Names: []string{p.Name}, Shape: p.Shape}
		if len(m.Values[k]) > 0 {
			facts.Names = names[&m.Values[k][0]]
		}
		facts.Type = types[facts.Names[0]]
		i.Tensors = append(i.Tensors, facts)
	}
	if source.Config != nil {
		if made, err := source.Config.Model(); err == nil {
			i.LayerNorm = fmt.Sprintf("%s, epsilon %g", made.LayerNorm, made.NormEpsilon())
		}
	}
	return i, i.readState(path)
}

// readState adds what the state file says.
func (i *modelInspection) readState(path string) error {
	if _, err := os.Stat(checkpoint.StatePath(path)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	i.Kind = "checkpoint"
	if err := checkpoint.Verify(path); err != nil {
		i.Whole, i.Problem = false, err.Error()
	}
	state, err := checkpoint.Open(path)
	if err != nil {
		return nil // the problem says why
	}
	defer state.Close()
	i.Step, i.Updates, i.Settings = state.Step, state.Updates, state.Settings
	i.Dataset = fmt.Sprintf("%s, %s", state.Dataset.Path, counted(int64(state.Dataset.Instances), "instance"))
	i.LayerNorm, i.Loss = state.Settings["layernorm"], state.Loss
	return nil
}

func (i *modelInspection) text(w io.Writer) {
	line := func(name, format string, values ...any) {
		fmt.Fprintf(w, "%-12s"+format+"\n", append([]any{name}, values...)...)
	}
	line("Kind", "%s of %s", i.Kind, i.Program)
	format := i.Format
	if i.Entry != "" {
		format += fmt.Sprintf(", in entry %q", i.Entry)
	}
	line("Format", "%s", format)
	if i.Years != nil {
		line("Read by", "UER-py of %s%s", strings.Join(i.Years, ", "),
			map[bool]string{true: ", TencentPretrain"}[slices.Contains(i.Years, exchange.Names2023)])
	}
	line("Parameters", "%s in %s", console.Count(i.Parameters), counted(int64(len(i.Tensors)), "tensor"))
	if i.LayerNorm != "" {
		line("Layer norm", "%s", i.LayerNorm)
	}
	if i.Kind == "checkpoint" && i.Step > 0 {
		line("Step", "%s, %s", console.Count(i.Step), counted(int64(i.Updates), "update"))
		line("Dataset", "%s", i.Dataset)
		if i.Loss != nil {
			line("Loss", "%.4f, the mean of steps %d to %d", i.Loss.Mean, i.Loss.First, i.Loss.Last)
		}
	}
	if i.Whole {
		line("Whole", "yes")
	} else {
		line("Whole", "no: %s", i.Problem)
	}
	fmt.Fprintln(w, "Tensors")
	for _, t := range i.Tensors {
		fmt.Fprintf(w, "  %-14v %-5s %s\n", graph.Shape(t.Shape), t.Type, strings.Join(t.Names, ", "))
	}
	if i.Settings != nil {
		fmt.Fprintln(w, "Settings")
		for _, name := range slices.Sorted(maps.Keys(i.Settings)) {
			if value := i.Settings[name]; value != "" && value != "false" {
				fmt.Fprintf(w, "  %-40s %s\n", name, value)
			}
		}
	}
}
