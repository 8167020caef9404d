package trainer

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"uer/internal/batch"
	"uer/internal/checkpoint"
	"uer/internal/device"
)

// alone returns a trainer without other ranks.
func alone(t *testing.T, steps int) *Trainer {
	t.Helper()
	r := newRanks(t, 1, steps, 0.1)[0]
	r.Collective = nil
	return r
}

// globalLoader returns the batches of one rank in our own order.
func globalLoader(t *testing.T, rank, size int) *batch.Loader {
	t.Helper()
	vocabulary, data := openData(t)
	l, err := batch.New(data, batch.Options{Target: "bert", Vocabulary: vocabulary, BatchSize: 4, Seed: 7, Rank: rank, WorldSize: size})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

// closesAfter ends the batches once a step is reported.
func (t *Trainer) closesAfter(step int) {
	t.Lines = writer(func(line string) {
		if strings.Contains(line, fmt.Sprintf(" %d/", step)) {
			t.Batches.Close()
		}
	})
}

// expectWhole checks that there is one whole checkpoint, and returns the step that it has learnt.
func expectWhole(t *testing.T, prefix string) int {
	t.Helper()
	found, err := checkpoint.Find(prefix)
	if err != nil || len(found.Broken) > 0 {
		t.Fatalf("found %+v, error %v", found, err)
	}
	f, err := checkpoint.Open(found.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return f.Step
}

// TestBackgroundSaves: checkpoints that are written while training goes on are the same as others.
func TestBackgroundSaves(t *testing.T) {
	const steps = 6
	var want [][]byte
	for _, slow := range []bool{false, true} {
		r := alone(t, steps)
		r.SaveCheckpointSteps = 2
		if slow {
			r.saves.took = time.Hour // longer than any step
		}
		if err := r.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		for step := 2; step <= steps; step += 2 {
			path := checkpoint.Path(r.OutputModelPath, step)
			if err := checkpoint.Verify(path); err != nil {
				t.Error(err)
			}
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !slow {
				want = append(want, content)
			} else if !slices.Equal(content, want[step/2-1]) {
				t.Errorf("step %d: another checkpoint", step)
			}
		}
		if r.Saved() != checkpoint.Path(r.OutputModelPath, steps) {
			t.Errorf("saved %s", r.Saved())
		}
	}
}

// TestLostData: if there is no next batch, what has been learnt up to the last update is saved before the error.
func TestLostData(t *testing.T) {
	r := alone(t, 20)
	r.AccumulationSteps = 2
	r.closesAfter(3) // and two batches are ready
	err := r.Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "the batch loader has been closed") {
		t.Errorf("error %v", err)
	}
	if step := expectWhole(t, r.OutputModelPath); step != 2 && step != 4 && step != 6 {
		t.Errorf("saved after step %d", step)
	}
}

// TestLostRank: if a rank fails in a way that it cannot announce, the first one saves what all have learnt.
func TestLostRank(t *testing.T) {
	ranks := newRanks(t, 3, 20, 0)
	for i, r := range ranks {
		r.Batches = globalLoader(t, i, 3)
	}
	ranks[2].Pass = &panics{ranks[2].Pass, 4}
	err := RunRanks(t.Context(), ranks)
	if err == nil || !strings.Contains(err.Error(), "rank 2: panic: lost") {
		t.Errorf("error %v", err)
	}
	if step := expectWhole(t, ranks[0].OutputModelPath); step != 3 {
		t.Errorf("saved after step %d", step)
	}
}

// panics is an executable that panics in one of its runs.
type panics struct {
	device.Executable
	runsTo int
}

func (p *panics) Run(run device.Run) error {
	if p.runsTo--; p.runsTo == 0 {
		panic("lost")
	}
	return p.Executable.Run(run)
}

// TestDeadline: the training stops in time and saves.
func TestDeadline(t *testing.T) {
	r := alone(t, 1_000_000)
	r.Deadline = time.Now().Add(r.reserve() + 300*time.Millisecond)
	if err := r.Run(t.Context()); !errors.Is(err, ErrDeadline) {
		t.Errorf("error %v", err)
	}
	if step := expectWhole(t, r.OutputModelPath); step != r.learnt.step || time.Now().After(r.Deadline) {
		t.Errorf("saved after step %d of %d, %v before the deadline", step, r.learnt.step, time.Until(r.Deadline))
	}
}

// TestFailedSave: the error names the last whole checkpoint, whether the one that failed was written in the background or
// not. A disk that is there again makes the next one whole.
func TestFailedSave(t *testing.T) {
	for _, slow := range []bool{false, true} {
		r := alone(t, 10)
		folder := filepath.Dir(r.OutputModelPath)
		r.SaveCheckpointSteps = 2
		r.Lines = writer(func(line string) {
			if strings.Contains(line, " 3/") && slow {
				r.saves.took = time.Hour
			}
			if strings.Contains(line, " 4/") {
				if err := os.Rename(folder, folder+"-away"); err != nil {
					t.Error(err)
				}
			}
		})
		err := r.Run(t.Context())
		if err == nil || !strings.Contains(err.Error(), "step 4: saving the checkpoint: ") {
			t.Errorf("error %v", err)
		}
		if r.Saved() != checkpoint.Path(r.OutputModelPath, 2) {
			t.Errorf("saved %s", r.Saved())
		}
		if step := expectWhole(t, filepath.Join(folder+"-away", "model.bin")); step != 2 {
			t.Errorf("found a checkpoint of step %d", step)
		}
	}
}

func TestErrorsThatMayPass(t *testing.T) {
	for err, want := range map[error]bool{
		syscall.ENOSPC: true, &os.PathError{Err: syscall.EIO}: true, syscall.EFBIG: false, os.ErrPermission: false, checkpoint.ErrNotFinite: false,
	} {
		if mayPass(err) != want {
			t.Errorf("%v: %v", err, !want)
		}
	}
}
