package trainer

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"uer/internal/batch"
	"uer/internal/checkpoint"
	"uer/internal/dataset"
	"uer/internal/device"
	"uer/internal/graph"
	"uer/internal/model"
	"uer/internal/optimizer"
	"uer/internal/vocab"
)

// evaluateEvery makes trainers evaluate on the dataset that they train on, every few steps.
func evaluateEvery(t *testing.T, ranks []*Trainer, steps, patience int) {
	t.Helper()
	vocabulary, err := vocab.Read("testdata/vocab.txt")
	if err != nil {
		t.Fatal(err)
	}
	data, err := dataset.Open("testdata/bert_static.pt")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { data.Close() })
	m, err := model.NewForward(testModel(0.1), vocabulary.Size(), model.Limits{Sequences: 16, Length: 32}, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range ranks {
		e := &Evaluator{Model: m, Collective: r.Collective}
		if e.Batches, err = batch.NewPass(data, batch.Options{Target: "bert", Vocabulary: vocabulary, BatchSize: 16}); err != nil {
			t.Fatal(err)
		}
		r.HeldOut = &HeldOut{Evaluator: e, Steps: steps, Patience: patience}
		r.prepare(t, r.parameters(t))
	}
}

// evalLines returns the lines of evaluations.
func evalLines(text string) []string {
	return slices.DeleteFunc(strings.Split(text, "\n"), func(line string) bool { return !strings.HasPrefix(line, "Eval") })
}

// TestEvaluationDoesNotDisturbTraining trains with and without evaluations, which fall between the batches of an update,
// too. Report lines and parameters must be the same, to the bit.
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
			if n := len(evalLines(lines.String())); n != 5 {
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
	best := ranks[0].HeldOut.Best
	evaluations := evalLines(lines.String())
	if best.Step != 4 || best.Since != 3 || len(evaluations) != 5 || !strings.HasSuffix(evaluations[1], ", best") {
		t.Fatalf("%+v:\n%s", best, lines.String())
	}
	if !strings.Contains(status.String(), "Stopped  at step 10: no better loss than that of step 4 in 3 evaluations\n") {
		t.Errorf("status:\n%s", status.String())
	}
	e := newEvaluators(t, 1, 16, openCPU)[0]
	parameters := make([]float32, e.Model.Program.ParameterSize)
	if _, err := checkpoint.Load(checkpoint.Best(ranks[0].OutputModelPath), e.Model.Program, parameters); err != nil {
		t.Fatal(err)
	}
	if err := e.memory.Write(graph.InParameters, 0, parameters); err != nil {
		t.Fatal(err)
	}
	if figures, _, err := e.Run(t.Context()); err != nil || figures.Loss != best.Loss {
		t.Errorf("the best checkpoint has loss %v, not %v; error %v", figures.Loss, best.Loss, err)
	}
	names, err := filepath.Glob(ranks[0].OutputModelPath + "-*")
	if err != nil {
		t.Fatal(err)
	}
	for i := range names {
		names[i] = filepath.Base(names[i])
	}
	if want := []string{"model.bin-10", "model.bin-best"}; !slices.Equal(names, want) {
		t.Errorf("files %v, want %v", names, want)
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
	if lines := evalLines(lines.String()); len(lines) > 0 || ranks[0].HeldOut.Best.Step > 0 {
		t.Errorf("evaluations %v, best %+v", lines, ranks[0].HeldOut.Best)
	}
	if _, err := os.Stat(ranks[0].OutputModelPath + "-3"); err != nil {
		t.Error(err)
	}
}

func TestBest(t *testing.T) {
	var best Best
	for i, loss := range []float64{math.NaN(), 3, 3, math.NaN(), 2, 2.5} {
		better := best.add(loss, i+1)
		if want := i == 1 || i == 4; better != want {
			t.Errorf("evaluation %d with loss %v: better %v", i+1, loss, better)
		}
	}
	if (best != Best{Step: 5, Loss: 2, Since: 1}) {
		t.Errorf("%+v", best)
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
