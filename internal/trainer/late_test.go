package trainer

import (
	"errors"
	"math"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"uer/internal/device"
	"uer/internal/graph"
)

// late is an executable that returns figures only some runs later, as an asynchronous device does.
type late struct {
	device.Executable
	t     *testing.T
	delay int
	held  []device.Figures
}

func (l *late) Figures(wait bool) ([]device.Figures, error) {
	figures, err := l.Executable.Figures(true)
	for _, f := range figures {
		l.held = append(l.held, device.Figures{Outputs: append([]float64{}, f.Outputs...)})
	}
	n := len(l.held)
	if !wait {
		n = max(0, n-l.delay)
	}
	ready := l.held[:n:n]
	l.held = l.held[n:]
	return ready, err
}

// trainLate trains one rank and returns its report lines, without the parts that depend on time.
func trainLate(t *testing.T, delay int) string {
	t.Helper()
	r := newRanks(t, 1, 12, 0.1)[0]
	r.Collective, r.ReportSteps, r.AccumulationSteps, r.SaveCheckpointSteps = nil, 2, 3, 5
	if delay > 0 {
		r.Pass, r.Update = &late{r.Pass, t, delay, nil}, &late{r.Update, t, delay, nil}
	}
	var lines strings.Builder
	r.Lines = &lines
	if err := r.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	return withoutTimes(lines.String())
}

// withoutTimes removes from report lines what differs between two runs.
func withoutTimes(lines string) string {
	return regexp.MustCompile(` *[\d.]+ (real )?tokens/s|\d\S* left`).ReplaceAllString(lines, "")
}

// TestLateFigures checks that reports are the same however late the figures come.
func TestLateFigures(t *testing.T) {
	want := trainLate(t, 0)
	if n := strings.Count(want, "\n"); n != 7 {
		t.Fatalf("%d lines:\n%s", n, want)
	}
	for _, delay := range []int{1, 2, 5, 100} {
		if got := trainLate(t, delay); got != want {
			t.Errorf("figures %d runs late: lines\n%swant\n%s", delay, got, want)
		}
	}
}

// TestLateFailure checks that the error names the step whose loss is not finite, and that no checkpoint is affected, even
// if the trainer learns of it late.
func TestLateFailure(t *testing.T) {
	for _, delay := range []int{0, 2, 100} {
		r := newRanks(t, 1, 12, 0)[0]
		r.Collective, r.SaveCheckpointSteps = nil, 6
		pass := &late{r.Pass, t, delay, nil}
		r.Pass, r.Update = &poison{pass, r.Memory, r.offset("embedding.layer_norm.beta"), 4}, &late{r.Update, t, delay, nil}
		err := r.Run(t.Context())
		if err == nil || !strings.Contains(err.Error(), "step 4: the loss is not finite") {
			t.Errorf("figures %d runs late: error %v", delay, err)
		}
		files, err := filepath.Glob(r.OutputModelPath + "*")
		if err != nil || len(files) > 0 {
			t.Errorf("figures %d runs late: files %v, error %v", delay, files, err)
		}
	}
}

// offset returns the offset of a parameter.
func (t *Trainer) offset(name string) int {
	for _, p := range t.Model.Program.Parameters {
		if p.Name == name {
			return p.Offset
		}
	}
	return -1
}

// poison is an executable that makes a parameter infinite during one of its runs.
type poison struct {
	device.Executable
	memory device.Memory
	offset int // of the parameter
	runsTo int // number of runs up to and including that one
}

func (p *poison) Run(run device.Run) error {
	if p.runsTo--; p.runsTo != 0 {
		return p.Executable.Run(run)
	}
	var kept [1]float32
	return errors.Join(
		p.memory.Read(graph.InParameters, p.offset, kept[:]),
		p.memory.Write(graph.InParameters, p.offset, []float32{float32(math.Inf(1))}),
		p.Executable.Run(run),
		p.memory.Write(graph.InParameters, p.offset, kept[:]),
	)
}
