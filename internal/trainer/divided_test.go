package trainer

import (
	"bytes"
	"fmt"
	"os"
	"testing"

	"uer/internal/checkpoint"
	"uer/internal/graph"
	"uer/internal/optimizer"
	"uer/internal/statedict"
)

// outcome is what a training has saved.
type outcome struct {
	weights []byte
	state   map[string][]byte
}

// trained trains ranks that clip, and that divide the update or do not. From a checkpoint, unless it is "".
func trained(t *testing.T, name string, size int, divided bool, steps int, from string) (saved outcome, prefix string) {
	t.Helper()
	ranks := newRanksWith(t, size, 7, 0.1, func(rank int) optimizer.Settings {
		s := optimizer.Settings{Name: name, WeightDecay: 0.1, ClipNorm: 0.5}
		if divided {
			s.Rank, s.Ranks = rank, size
		}
		return s
	})
	for i, r := range ranks {
		r.Batches, r.TotalSteps, r.AccumulationSteps, r.SaveCheckpointSteps = globalLoader(t, i, size), steps, 2, 4
		if from == "" {
			continue
		}
		f, err := checkpoint.Open(from)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		weights := make([]float32, r.Model.Program.ParameterSize)
		if err := f.Weights(r.Model.Program, weights); err != nil {
			t.Fatal(err)
		}
		if err := r.Memory.Write(graph.InParameters, 0, weights); err != nil {
			t.Fatal(err)
		}
		if err := r.Resume(f); err != nil {
			t.Fatal(err)
		}
	}
	if err := RunRanks(t.Context(), ranks); err != nil {
		t.Fatal(err)
	}
	return savedAt(t, checkpoint.Path(ranks[0].OutputModelPath, steps)), ranks[0].OutputModelPath
}

func savedAt(t *testing.T, path string) outcome {
	t.Helper()
	weights, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	file, err := statedict.OpenSafetensors(checkpoint.StatePath(path))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	o := outcome{weights, map[string][]byte{}}
	for _, tensor := range file.Tensors[:len(file.Tensors)-1] {
		o.state[tensor.Name] = bytes.Clone(tensor.Raw)
	}
	return o
}

// TestDivided: ranks that divide the update save what ranks do that each do all of it, to the bit, and go on from
// the checkpoint of either.
func TestDivided(t *testing.T) {
	for _, name := range []string{"adamw", "adafactor"} {
		for _, size := range []int{1, 2, 3, 4} {
			t.Run(fmt.Sprint(name, size), func(t *testing.T) {
				want, prefix := trained(t, name, size, false, 7, "")
				got, dividedPrefix := trained(t, name, size, true, 7, "")
				expectOutcome(t, "divided", got, want)
				want, _ = trained(t, name, size, false, 7, prefix+"-4")
				got, _ = trained(t, name, size, true, 7, dividedPrefix+"-4")
				expectOutcome(t, "resumed", got, want)
			})
		}
	}
}

func expectOutcome(t *testing.T, how string, got, want outcome) {
	t.Helper()
	if !bytes.Equal(got.weights, want.weights) {
		t.Errorf("%s: other weights", how)
	}
	if len(want.state) != 3 {
		t.Fatalf("%d tensors of state", len(want.state))
	}
	for name, values := range want.state {
		if !bytes.Equal(got.state[name], values) {
			t.Errorf("%s: another %s", how, name)
		}
	}
}
