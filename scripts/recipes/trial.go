//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// trial is a training of a small model on the demo corpus.
type trial struct {
	form, name    string             // the name is that of its folder
	model, passes string             // as uer pretrain says
	first, last   map[string]float64 // the figures of the first report and of the last one
	time          time.Duration      // of both commands
	memory        int64              // in bytes, at the peak of the one that took more
}

// train runs the script of the recipe for a number of steps, with its files and figures in a new folder.
func (r recipe) train(uer, form string) (*trial, error) {
	_, value, _ := strings.Cut(form, "=")
	t := &trial{form: form, name: strings.TrimSuffix(r.name+"-"+value, "-")}
	folder := filepath.Join(files, t.name)
	if err := os.RemoveAll(folder); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, err
	}
	command := r.script(uer, []string{form, "STEPS=" + steps, "DATASET=" + folder + "/dataset.pt", "OUTPUT=" + folder + "/model.bin"},
		"--log_dir", folder)
	var status strings.Builder
	command.Stdout, command.Stderr = os.Stdout, io.MultiWriter(os.Stderr, &status)
	start := time.Now()
	if err := command.Run(); err != nil {
		return nil, err
	}
	t.time = time.Since(start)
	t.memory = peak(command)
	for line := range strings.Lines(status.String()) {
		if text, found := strings.CutPrefix(line, "Model    "); found {
			t.model = strings.TrimSpace(text)
		}
		if _, text, found := strings.Cut(line, " steps = "); found && strings.HasPrefix(line, "Run ") {
			t.passes, _, _ = strings.Cut(text, ";")
		}
	}
	return t, t.readFigures()
}

// peak returns the most memory that a process or one of its children had, in bytes. Linux counts in KiB.
func peak(command *exec.Cmd) int64 {
	return command.ProcessState.SysUsage().(*syscall.Rusage).Maxrss << 10
}

// readFigures reads the first report and the last one from the log.
func (t *trial) readFigures() error {
	file, err := os.Open(filepath.Join(files, t.name, "log.jsonl"))
	if err != nil {
		return err
	}
	defer file.Close()
	for lines := json.NewDecoder(file); ; {
		var line map[string]any
		if err := lines.Decode(&line); err == io.EOF {
			break
		} else if err != nil {
			return err
		}
		if line["event"] != "report" {
			continue
		}
		figures := map[string]float64{}
		for name, value := range line {
			if number, ok := value.(float64); ok && (strings.HasPrefix(name, "loss") || strings.HasPrefix(name, "acc")) {
				figures[name] = number
			}
		}
		if t.last = figures; t.first == nil {
			t.first = figures
		}
	}
	if t.first == nil {
		return fmt.Errorf("%s has no report", file.Name())
	}
	return nil
}

// figures returns the names of the losses and accuracies: losses first, the sum of several before its parts.
func (t *trial) figures() []string {
	var names []string
	for name := range t.first {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		if byKind := strings.Compare(b[:1], a[:1]); byKind != 0 { // loss, then acc
			return byKind
		}
		return strings.Compare(a, b)
	})
	return names
}

// drawn returns the names of the figures in the picture: loss and accuracy, or the loss of each head.
func (t *trial) drawn() []string {
	names := t.figures()
	if len(names) == 2 {
		return names
	}
	return slices.DeleteFunc(names, func(name string) bool { return !strings.HasPrefix(name, "loss_") })
}

// write writes what was measured, as Markdown.
func (r recipe) write(w io.Writer, trials []*trial, plan, load string) {
	var forms []string
	fmt.Fprint(w, "## A small one on the demo corpus\n\n")
	for _, t := range trials {
		forms = append(forms, strings.TrimPrefix(strings.TrimPrefix(t.name, r.name), "-"))
		fmt.Fprintf(w, "    %s scripts/%s.sh --log_dir runs/%s\n", strings.TrimSpace(t.form+" STEPS="+steps), r.name, t.name)
	}
	fmt.Fprintf(w, "\n![%s over the steps of training](%s.svg)\n\n", strings.Join(trials[0].drawn(), " and "), r.name)
	fmt.Fprintf(w, "| | %s |\n|---|%s\n", strings.Join(forms, " | "), strings.Repeat("---|", len(trials)))
	row := func(name string, value func(*trial) string) {
		fmt.Fprintf(w, "| %s |", name)
		for _, t := range trials {
			fmt.Fprintf(w, " %s |", value(t))
		}
		fmt.Fprintln(w)
	}
	row("model", func(t *trial) string { return t.model })
	row("training", func(t *trial) string { return fmt.Sprintf("%s batches of 8, %s", grouped(steps), t.passes) })
	for _, name := range trials[0].figures() {
		row("`"+name+"`, first and last report", func(t *trial) string { return fmt.Sprintf("%.3f, %.3f", t.first[name], t.last[name]) })
	}
	row("time, with preprocessing", func(t *trial) string { return t.time.Round(time.Second).String() })
	row("memory at the peak", func(t *trial) string { return fmt.Sprintf("%d MB", t.memory/1e6) })
	fmt.Fprintf(w, "\nMeasured in %s on %s; the load average was %s before.\nOther work shared the machine, so the time is an upper bound.\n\n",
		today(), processor(), load)
	fmt.Fprintf(w, `## At full size

What `+"`--dry_run`"+` says of the recipe with 21,128 tokens, as Google's Chinese vocabulary has, and eight ranks in float32; the
steps are those of the demo corpus. [Performance](../performance.md) has times.

`)
	for line := range strings.Lines(plan) {
		fmt.Fprintf(w, "    %s", line)
	}
}

// grouped writes a number of four digits with a comma.
func grouped(number string) string { return number[:1] + "," + number[1:] }
