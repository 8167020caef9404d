package trainer

import (
	"context"
	"errors"
	"math"
	"testing"

	"uer/internal/batch"
	"uer/internal/checkpoint"
	"uer/internal/collective"
	"uer/internal/device"
	"uer/internal/device/cpu"
	"uer/internal/device/cuda"
	"uer/internal/device/cuda/gputest"
	"uer/internal/model"
)

// newEvaluators returns connected evaluators of UER-py's initial parameters on its dataset, in batches of a size.
func newEvaluators(t *testing.T, ranks, size int, open func() (device.Device, error)) []*Evaluator {
	t.Helper()
	vocabulary, data := openData(t)
	m, err := model.NewForward(testModel(0.1), vocabulary.Size(), model.Limits{Sequences: size, Length: 32}, false)
	if err != nil {
		t.Fatal(err)
	}
	parameters := make([]float32, m.Program.ParameterSize)
	if _, err := checkpoint.Load("testdata/init.bin", m.Program, parameters); err != nil {
		t.Fatal(err)
	}
	evaluators := make([]*Evaluator, ranks)
	for i, connection := range collective.NewLocal(ranks) {
		e := &Evaluator{Model: m, Collective: connection}
		if e.Batches, err = batch.NewPass(data, batch.Options{Target: "bert", Vocabulary: vocabulary, BatchSize: size}); err != nil {
			t.Fatal(err)
		}
		d, err := open()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { d.Close() })
		if err := e.Load(d, parameters); err != nil {
			t.Fatal(err)
		}
		evaluators[i] = e
	}
	return evaluators
}

func openCPU() (device.Device, error) { return cpu.New(cpu.Options{Threads: 1}) }

// evaluated returns the figures of an evaluation.
func evaluated(t *testing.T, ranks, size int, open func() (device.Device, error)) Evaluation {
	t.Helper()
	figures, err := Evaluate(t.Context(), newEvaluators(t, ranks, size, open))
	if err != nil {
		t.Fatal(err)
	}
	return figures
}

// requireSameFigures compares counts exactly and losses within a part of them.
func requireSameFigures(t *testing.T, name string, got, want Evaluation, tolerance float64) {
	t.Helper()
	near := func(a, b float64) bool { return math.Abs(a-b) <= tolerance*math.Abs(b) }
	if got.Instances != want.Instances || !near(got.Loss, want.Loss) || len(got.Heads) != len(want.Heads) {
		t.Errorf("%s: %+v, want %+v", name, got, want)
		return
	}
	for i, head := range got.Heads {
		other := want.Heads[i]
		if head.Correct != other.Correct || head.Predictions != other.Predictions || !near(head.Loss, other.Loss) {
			t.Errorf("%s: %+v, want %+v", name, head, other)
		}
	}
}

// TestEvaluateDoesNotDependOnBatches wants the same figures from batches of any size, and the same bits from any number of
// ranks, some of which have nothing to do.
func TestEvaluateDoesNotDependOnBatches(t *testing.T) {
	want := evaluated(t, 1, 7, openCPU)
	if want.Heads[0].Predictions <= want.Heads[1].Predictions || want.Heads[1].Predictions != float64(want.Instances) {
		t.Errorf("%+v", want)
	}
	for _, size := range []int{1, 32, 1000} {
		requireSameFigures(t, "another batch size", evaluated(t, 1, size, openCPU), want, 1e-6)
	}
	for _, ranks := range []int{2, 3} {
		requireSameFigures(t, "several ranks", evaluated(t, ranks, 7, openCPU), want, 0)
	}
	requireSameFigures(t, "more ranks than batches", evaluated(t, 3, 1000, openCPU), evaluated(t, 1, 1000, openCPU), 0)
}

func TestGPUEvaluateIsTheCPUs(t *testing.T) {
	gputest.Need(t)
	open := func() (device.Device, error) { return cuda.New(cuda.Options{Precision: "fp32"}) }
	requireSameFigures(t, "on the GPU", evaluated(t, 1, 7, open), evaluated(t, 1, 7, openCPU), 1e-6)
}

func TestEvaluateStops(t *testing.T) {
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if _, err := Evaluate(ctx, newEvaluators(t, 2, 4, openCPU)); err != cause {
		t.Errorf("error %v", err)
	}
}

// failing is a program that does not run.
type failing struct{ device.Executable }

func (failing) Run(device.Run) error { return errors.New("broken") }

// TestEvaluateFails makes one of two ranks fail, which must not leave the other waiting.
func TestEvaluateFails(t *testing.T) {
	evaluators := newEvaluators(t, 2, 4, openCPU)
	evaluators[1].Program = failing{evaluators[1].Program}
	_, err := Evaluate(t.Context(), evaluators)
	if err == nil || err.Error() != "rank 1: evaluating batch 2: broken" {
		t.Errorf("error %v", err)
	}
}
