package trainer

import (
	"context"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"uer/internal/batch"
	"uer/internal/checkpoint"
	"uer/internal/device"
	"uer/internal/graph"
	"uer/internal/model"
	"uer/internal/optimizer"
)

// evaluateEvery makes trainers evaluate on the dataset that they train on, every few steps.
func evaluateEvery(t *testing.T, ranks []*Trainer, steps, patience int) {
	t.Helper()
	vocabulary, data := openData(t)
	m, err := model.NewForward(testModel(0.1), vocabulary.Size(), model.Limits{Sequences: 4, Length: 32}, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range ranks {
		e := &Evaluator{Model: m, Collective: r.Collective}
		if e.Batches, err = batch.NewPass(data, batch.Options{Target: "bert", Vocabulary: vocabulary, BatchSize: 4}); err != nil {
			t.Fatal(err)
		}
		r.HeldOut = &HeldOut{Evaluator: e, Steps: steps, Patience: patience}
		r.prepare(t, r.parameters(t), optimizer.Settings{Name: "adamw"})
	}
}

// evalLines returns the lines of evaluations.
func evalLines(text string) []string {
	return slices.DeleteFunc(strings.Split(text, "\n"), func(line string) bool { return !strings.HasPrefix(line, "Eval") })
}

// TestEvaluationDoesNotDisturbTraining trains with and without evaluations, which wait for the update that is due. Report
// lines and parameters must be the same, to the bit.
func TestEvaluationDoesNotDisturbTraining(t *testing.T) {
	for _, size := range []int{1, 2} {
		var want string
		var parameters []float32
		for _, evaluates := range []bool{false, true} {
			ranks := newRanks(t, size, 10, 0.1)
			var lines strings.Builder
			ranks[0].Lines = &lines
			for _, r := range ranks {
				r.AccumulationSteps = 3
			}
			if evaluates {
				evaluateEvery(t, ranks, 2, 0)
			}
			if err := RunRanks(t.Context(), ranks); err != nil {
				t.Fatal(err)
			}
			report := slices.DeleteFunc(strings.Split(withoutTimes(lines.String()), "\n"), func(line string) bool {
				return !strings.HasPrefix(line, "|")
			})
			got := strings.Join(report, "\n")
			if !evaluates {
				want, parameters = got, ranks[0].parameters(t)
				continue
			}
			if got != want {
				t.Errorf("%d ranks: with evaluations, lines\n%s\nwithout\n%s", size, got, want)
			}
			if !slices.Equal(ranks[0].parameters(t), parameters) {
				t.Errorf("%d ranks: the parameters differ with evaluations", size)
			}
			if n := len(evalLines(lines.String())); n != 4 {
				t.Errorf("%d ranks: %d evaluations:\n%s", size, n, lines.String())
			}
		}
	}
}

// TestBestCheckpoint wants NAME-best to hold the parameters of the best evaluation, which a rate that is far too high makes
// an early one, and training to end when its patience is exhausted.
func TestBestCheckpoint(t *testing.T) {
	ranks := newRanks(t, 2, 20, 0)
	var lines, status strings.Builder
	ranks[0].Lines, ranks[0].Status = &lines, &status
	evaluateEvery(t, ranks, 2, 3)
	for _, r := range ranks {
		var err error
		r.Origin.Run = "this" // the best checkpoint of this run is replaced
		r.Optimizer, err = optimizer.New(optimizer.Settings{Name: "adamw", LearningRate: 1, Schedule: func(update int) float64 {
			if update < 4 {
				return 1e-3
			}
			return 0.3
		}}, r.Model.Program.Layout)
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := RunRanks(t.Context(), ranks); err != nil {
		t.Fatal(err)
	}
	found := ranks[0].HeldOut.Found
	evaluations := evalLines(lines.String())
	if found.BestStep != 4 || found.Since != 3 || len(evaluations) != 5 || !strings.HasSuffix(evaluations[1], ", best") {
		t.Fatalf("%+v:\n%s", found, lines.String())
	}
	if !strings.Contains(status.String(), "Stopped  at step 10: no better loss than that of step 4 in 3 evaluations\n") {
		t.Errorf("status:\n%s", status.String())
	}
	e := newEvaluators(t, 1, 4, openCPU)[0]
	parameters := make([]float32, e.Model.Program.ParameterSize)
	if _, err := checkpoint.Load(checkpoint.Best(ranks[0].OutputModelPath), e.Model.Program, parameters); err != nil {
		t.Fatal(err)
	}
	if err := e.memory.Write(graph.InParameters, 0, parameters); err != nil {
		t.Fatal(err)
	}
	if figures, _, err := e.Run(goesOn); err != nil || figures.Loss != found.BestLoss {
		t.Errorf("the best checkpoint has loss %v, not %v; error %v", figures.Loss, found.BestLoss, err)
	}
	names, err := filepath.Glob(ranks[0].OutputModelPath + "-*")
	if err != nil {
		t.Fatal(err)
	}
	for i := range names {
		names[i] = filepath.Base(names[i])
	}
	if want := []string{"model.bin-10", "model.bin-10.state", "model.bin-best", "model.bin-best.state"}; !slices.Equal(names, want) {
		t.Errorf("files %v, want %v", names, want)
	}
}

// resumeRanks returns trainers that continue from a checkpoint and evaluate every 2 steps.
func resumeRanks(t *testing.T, path string, size, steps int) []*Trainer {
	t.Helper()
	f, err := checkpoint.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	ranks := newRanks(t, size, steps, 0.1)
	evaluateEvery(t, ranks, 2, 0)
	parameters := make([]float32, ranks[0].Model.Program.ParameterSize)
	if err := f.Weights(ranks[0].Model.Program, parameters); err != nil {
		t.Fatal(err)
	}
	for i, r := range ranks {
		r.Batches = newLoaderFrom(t, i, size, &f.Position)
		if err := r.Memory.Write(graph.InParameters, 0, parameters); err != nil {
			t.Fatal(err)
		}
		if err := r.Resume(f); err != nil {
			t.Fatal(err)
		}
		r.OutputModelPath = filepath.Join(filepath.Dir(path), "model.bin")
	}
	return ranks
}

// TestResumeEvaluations stops a training after step 4, once before and once during the evaluation there, and wants the
// evaluations and the best model of a training that was not stopped.
func TestResumeEvaluations(t *testing.T) {
	for _, size := range []int{1, 2} {
		var lines strings.Builder
		whole := newRanks(t, size, 8, 0.1)
		evaluateEvery(t, whole, 2, 0)
		whole[0].Lines = &lines
		if err := RunRanks(t.Context(), whole); err != nil {
			t.Fatal(err)
		}
		want := evalLines(lines.String())
		for _, during := range []bool{false, true} {
			lines.Reset()
			ctx, cancel := context.WithCancelCause(t.Context())
			cause := errors.New("enough")
			ranks := newRanks(t, size, 8, 0.1)
			evaluateEvery(t, ranks, 2, 0)
			ranks[0].Lines = io.MultiWriter(&lines, writer(func(line string) {
				if !during && strings.HasPrefix(line, "Eval     step 4:") {
					cancel(cause)
				}
			}))
			program, runs := ranks[0].HeldOut.Program, 0
			ranks[0].HeldOut.Program = interrupting{program, func() {
				if runs++; during && runs > ranks[0].HeldOut.Batches.Len()/size+1 {
					cancel(cause)
				}
			}}
			if err := RunRanks(ctx, ranks); err != cause {
				t.Fatalf("%d ranks: error %v", size, err)
			}
			if n := len(evalLines(lines.String())); during && n != 1 || !during && n != 2 {
				t.Errorf("%d ranks: %d evaluations before the stop", size, n)
			}
			ranks = resumeRanks(t, ranks[0].OutputModelPath+"-4", size, 8)
			ranks[0].Lines = &lines
			if err := RunRanks(t.Context(), ranks); err != nil {
				t.Fatal(err)
			}
			if got := evalLines(lines.String()); !slices.Equal(got, want) {
				t.Errorf("%d ranks, stop during an evaluation %v: evaluations\n%s\nwant\n%s", size, during,
					strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
			if ranks[0].HeldOut.Found != whole[0].HeldOut.Found {
				t.Errorf("%d ranks: found %+v, want %+v", size, ranks[0].HeldOut.Found, whole[0].HeldOut.Found)
			}
			for _, name := range []string{"-8", "-best"} {
				got, want := weights(t, ranks[0], name), weights(t, whole[0], name)
				if !slices.Equal(got, want) {
					t.Errorf("%d ranks: other parameters in model.bin%s", size, name)
				}
			}
		}
	}
}

// weights reads the parameters of a checkpoint of a trainer.
func weights(t *testing.T, r *Trainer, suffix string) []float32 {
	t.Helper()
	parameters := make([]float32, r.Model.Program.ParameterSize)
	if _, err := checkpoint.Load(r.OutputModelPath+suffix, r.Model.Program, parameters); err != nil {
		t.Fatal(err)
	}
	return parameters
}

// TestResumeIsExhausted wants a training that has ended early to do nothing more when it is resumed.
func TestResumeIsExhausted(t *testing.T) {
	ranks := newRanks(t, 1, 8, 0)
	evaluateEvery(t, ranks, 2, 2)
	ranks[0].HeldOut.Found = checkpoint.HeldOut{Last: 2, BestStep: 2, BestLoss: 0, Since: 0}
	if err := RunRanks(t.Context(), ranks); err != nil {
		t.Fatal(err)
	}
	resumed := resumeRanks(t, ranks[0].OutputModelPath+"-4", 1, 8)
	resumed[0].HeldOut.Patience = 2
	var lines, status strings.Builder
	resumed[0].Lines, resumed[0].Status = &lines, &status
	if err := RunRanks(t.Context(), resumed); err != nil {
		t.Fatal(err)
	}
	if lines.Len() > 0 || status.String() != "Stopped  at step 4: no better loss than that of step 2 in 2 evaluations\n" {
		t.Errorf("lines\n%s\nstatus\n%s", lines.String(), status.String())
	}
}

// TestStopDuringEvaluation wants a stop in the middle of an evaluation to end it without figures, and to save.
func TestStopDuringEvaluation(t *testing.T) {
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	ranks := newRanks(t, 2, 20, 0)
	evaluateEvery(t, ranks, 3, 0)
	ranks[1].HeldOut.Program = interrupting{ranks[1].HeldOut.Program, func() { cancel(cause) }}
	var lines strings.Builder
	ranks[0].Lines = &lines
	if err := RunRanks(ctx, ranks); err != cause {
		t.Fatalf("error %v", err)
	}
	if lines := evalLines(lines.String()); len(lines) > 0 || ranks[0].HeldOut.Found.Last > 0 {
		t.Errorf("evaluations %v, best %+v", lines, ranks[0].HeldOut.Found)
	}
	if _, err := os.Stat(ranks[0].OutputModelPath + "-3"); err != nil {
		t.Error(err)
	}
}

func TestBestLoss(t *testing.T) {
	var h HeldOut
	for i, loss := range []float64{math.NaN(), 3, 3, math.NaN(), 2, 2.5} {
		better := h.add(loss, i+1)
		if want := i == 1 || i == 4; better != want {
			t.Errorf("evaluation %d with loss %v: better %v", i+1, loss, better)
		}
	}
	if want := (checkpoint.HeldOut{Last: 6, BestStep: 5, BestLoss: 2, Since: 1}); h.Found != want {
		t.Errorf("%+v, want %+v", h.Found, want)
	}
}

// interrupting calls a function in each run.
type interrupting struct {
	device.Executable
	call func()
}

func (i interrupting) Run(run device.Run) error {
	i.call()
	return i.Executable.Run(run)
}

func goesOn() bool { return false }
