package trainer

import (
	"math"
	"slices"
	"strings"
	"testing"

	"uer/internal/checkpoint"
	"uer/internal/graph"
	"uer/internal/optimizer"
)

func TestScore(t *testing.T) {
	var o outliers
	for i := range window - 1 {
		if score := o.score(1 + float64(i%2)); !math.IsNaN(score) {
			t.Fatalf("norm %d has the score %v already", i+1, score)
		}
	}
	// 64 ones, 63 twos and this one.
	mean := (64 + 2*63 + 10.0) / window
	deviation := math.Sqrt((64*(1-mean)*(1-mean) + 63*(2-mean)*(2-mean) + (10-mean)*(10-mean)) / window)
	if got, want := o.score(10), (10-mean)/deviation; math.Abs(got-want) > 1e-12 {
		t.Errorf("the score of 10 is %v, want %v", got, want)
	}
	if score := o.score(1.5); score > 0.1 || len(o.norms) != window {
		t.Errorf("the score of 1.5 is %v among %d", score, len(o.norms))
	}
	if score := o.score(math.Inf(1)); !math.IsNaN(score) || slices.Contains(o.norms, math.Inf(1)) {
		t.Error("an infinity is compared with later norms")
	}
}

// TestSkipOutliers: an update that is skipped leaves parameters and optimizer state alone, on all ranks, and is told; the next
// one is not skipped, since it is compared with the first, too.
func TestSkipOutliers(t *testing.T) {
	for steps := 1; steps <= 2; steps++ {
		ranks := newRanks(t, 2, steps, 0)
		start := ranks[0].parameters(t)
		var said strings.Builder
		ranks[0].Status = &said
		for _, r := range ranks {
			r.SkipOutliers = 11 // the z-score of one among 127 equal ones is √127
			r.prepare(t, start, optimizer.Settings{Name: "adamw"})
			for range window - 1 {
				r.outliers.norms = append(r.outliers.norms, 0.001)
			}
		}
		if err := RunRanks(t.Context(), ranks); err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(said.String(), "Skipped  the update of step "); n != 1 ||
			!strings.Contains(said.String(), "Skipped  the update of step 1: the norm of its gradients, ") {
			t.Errorf("said\n%s", said.String())
		}
		for _, r := range ranks {
			state := make([]float32, r.Optimizer.Whole.StateSize)
			if err := r.Memory.Read(graph.InState, 0, state); err != nil {
				t.Fatal(err)
			}
			updated := slices.ContainsFunc(state, func(x float32) bool { return x != 0 })
			moved := !slices.Equal(r.parameters(t), start)
			if updated != (steps == 2) || moved != (steps == 2) || r.Optimizer.Updates != steps {
				t.Errorf("after %d steps, updated is %v, moved is %v", steps, updated, moved)
			}
		}
	}
}

// TestResumeOutliers: the norms that others are compared with are those of before.
func TestResumeOutliers(t *testing.T) {
	whole := newRanks(t, 1, 6, 0)[0]
	parameters := whole.parameters(t)
	train := func(r *Trainer, steps int, f *checkpoint.File) {
		t.Helper()
		r.Collective, r.SkipOutliers, r.TotalSteps = nil, 3, steps
		r.prepare(t, parameters, optimizer.Settings{Name: "adamw"})
		if f != nil {
			r.Batches = newLoaderFrom(t, 0, 1, &f.Position)
			if err := r.Resume(f); err != nil {
				t.Fatal(err)
			}
		}
		if err := r.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	train(whole, 6, nil)
	part := newRanks(t, 1, 3, 0)[0]
	train(part, 3, nil)
	f, err := checkpoint.Open(part.Saved())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	parameters = part.parameters(t)
	rest := newRanks(t, 1, 6, 0)[0]
	train(rest, 6, f)
	if len(rest.outliers.norms) != 6 || !slices.Equal(rest.outliers.norms, whole.outliers.norms) {
		t.Errorf("the norms are %v, want %v", rest.outliers.norms, whole.outliers.norms)
	}
}
